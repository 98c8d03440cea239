"""Lua."""

from typing import Final

from openhands_tiered_router.graph.languages.base import Language


QUERY: Final = """
(function_declaration name: [(identifier) @n (dot_index_expression field:
  (identifier) @n) (method_index_expression method: (identifier) @n)]) @d.f
(assignment_statement (variable_list name: [(identifier) @n (dot_index_expression
  field: (identifier) @n)]) (expression_list value: (function_definition))) @d.f
(field name: (identifier) @n value: (function_definition)) @d.f
(function_call name: [(identifier) @c (dot_index_expression field: (identifier) @c)
  (method_index_expression method: (identifier) @c)])
(function_call name: (identifier) @_r arguments: (arguments . (string content:
  (string_content) @i)) (#any-of? @_r "require" "dofile" "loadfile"))
[(if_statement) (elseif_statement) (for_statement) (while_statement)
  (repeat_statement)] @b
["and" "or"] @b
"""

LANGUAGE: Final = Language(
    name="lua",
    extensions=(".lua",),
    grammar="tree_sitter_lua",
    query=QUERY,
)
