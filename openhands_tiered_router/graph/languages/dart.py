"""Dart."""

from typing import Final

from openhands_tiered_router.graph.languages.base import Language


QUERY: Final = """
(function_signature name: (identifier) @n) @d.f
(constructor_signature name: (identifier) @n) @d.f
(getter_signature name: (identifier) @n) @d.f
(setter_signature name: (identifier) @n) @d.f
[(class_definition name: (identifier) @n) (enum_declaration name: (identifier) @n)]
  @d.c
(mixin_declaration (mixin) . (identifier) @n) @d.c
(extension_declaration name: (identifier) @n) @d.c
(superclass (type_identifier) @x)
(interfaces (type_identifier) @x)
(mixins (type_identifier) @x)
((identifier) @c . (selector (argument_part)))
((selector (unconditional_assignable_selector (identifier) @c)) . (selector
  (argument_part)))
((selector (conditional_assignable_selector (identifier) @c)) . (selector
  (argument_part)))
(formal_parameter (type_identifier) @t)
(configurable_uri (uri (string_literal) @i))
[(if_statement) (for_statement) (while_statement) (do_statement)
  (switch_statement_case) (catch_clause) (conditional_expression)
  (logical_and_expression) (logical_or_expression) (if_null_expression)] @b
"""

LANGUAGE: Final = Language(
    name="dart",
    extensions=(".dart",),
    grammar="tree_sitter_dart",
    query=QUERY,
)
