"""Julia."""

from typing import Final

from openhands_tiered_router.graph.languages.base import Language


QUERY: Final = """
(function_definition (signature (call_expression . [(identifier) @n
  (field_expression (identifier) @n .)]))) @d.f
(function_definition (signature (typed_expression (call_expression . (identifier)
  @n)))) @d.f
(function_definition (signature (where_expression (call_expression . (identifier)
  @n)))) @d.f
(assignment . (call_expression . (identifier) @n)) @d.f
(macro_definition (signature (call_expression . (identifier) @n))) @d.f
(struct_definition (type_head [(identifier) @n (binary_expression . (identifier)
  @n)])) @d.c
(struct_definition (type_head (binary_expression (identifier) @x .)))
(abstract_definition (type_head [(identifier) @n (binary_expression . (identifier)
  @n)])) @d.c
(module_definition name: (identifier) @n) @d.m
(call_expression . [(identifier) @c (field_expression (identifier) @c .)])
(using_statement) @i
(import_statement) @i
(call_expression . (identifier) @_i (argument_list (string_literal (content) @i))
  (#eq? @_i "include"))
[(if_statement) (elseif_clause) (for_statement) (while_statement) (catch_clause)
  (ternary_expression)] @b
(binary_expression (operator) @b (#any-of? @b "&&" "||"))
"""

LANGUAGE: Final = Language(
    name="julia",
    extensions=(".jl",),
    grammar="tree_sitter_julia",
    query=QUERY,
    global_names=True,
)
