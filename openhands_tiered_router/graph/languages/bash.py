"""Bash and POSIX shell."""

from typing import Final

from openhands_tiered_router.graph.languages.base import Language


QUERY: Final = """
(function_definition name: (word) @n) @d.f
(command name: (command_name (word) @c))
(command name: (command_name (word) @_s) . argument: (_) @i
  (#any-of? @_s "source" "."))
[(if_statement) (elif_clause) (for_statement) (c_style_for_statement)
 (while_statement) (case_item)] @b
["&&" "||"] @b
"""

LANGUAGE: Final = Language(
    name="bash",
    extensions=(".sh", ".bash"),
    grammar="tree_sitter_bash",
    query=QUERY,
)
