"""Zig."""

from typing import Final

from openhands_tiered_router.graph.languages.base import Language


QUERY: Final = """
(function_declaration name: (identifier) @n) @d.f
(variable_declaration (identifier) @n [(struct_declaration) (enum_declaration)
  (union_declaration)]) @d.c
(test_declaration [(string) (identifier)] @n) @d.f
(call_expression function: [(identifier) @c (field_expression member: (identifier)
  @c)])
(struct_initializer (identifier) @c)
(builtin_function (builtin_identifier) @_i (arguments (string (string_content) @i))
  (#eq? @_i "@import"))
[(if_statement) (if_expression) (for_statement) (while_statement) (switch_case)] @b
["and" "or"] @b
"""

LANGUAGE: Final = Language(
    name="zig",
    extensions=(".zig",),
    grammar="tree_sitter_zig",
    query=QUERY,
)
