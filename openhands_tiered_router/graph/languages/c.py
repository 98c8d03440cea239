"""C, and what C++ and Objective-C share with it."""

from typing import Final

from openhands_tiered_router.graph.languages.base import Language


SHARED: Final = """
(function_definition declarator: (function_declarator
  declarator: (identifier) @n)) @d.f
(function_definition declarator: (pointer_declarator
  declarator: (function_declarator declarator: (identifier) @n))) @d.f
[(struct_specifier name: (type_identifier) @n body: (_))
 (union_specifier name: (type_identifier) @n body: (_))
 (enum_specifier name: (type_identifier) @n body: (_))] @d.c
(type_definition declarator: (type_identifier) @n) @d.c
(preproc_function_def name: (identifier) @n) @d.f
(call_expression function: [(identifier) @c
  (field_expression field: (field_identifier) @c)])
(preproc_include path: (_) @i)
(parameter_declaration type: [(type_identifier) @t
  (struct_specifier name: (type_identifier) @t)])
[(if_statement) (for_statement) (while_statement) (do_statement)
 (case_statement) (conditional_expression)] @b
["&&" "||"] @b
"""

LANGUAGE: Final = Language(
    name="c",
    extensions=(".c", ".h"),
    grammar="tree_sitter_c",
    query=SHARED,
    family="c",
    own_members=False,
    global_names=True,
)
