"""TypeScript without JSX."""

from typing import Final

from openhands_tiered_router.graph.languages.base import Language
from openhands_tiered_router.graph.languages.javascript import SHARED, imports


QUERY: Final = (
    SHARED
    + """
[(class_declaration name: (type_identifier) @n)
 (abstract_class_declaration name: (type_identifier) @n)
 (class name: (type_identifier) @n)
 (interface_declaration name: (type_identifier) @n)
 (type_alias_declaration name: (type_identifier) @n)
 (enum_declaration name: (identifier) @n)] @d.c
[(internal_module name: (_) @n) (module name: (identifier) @n)] @d.m
[(function_signature name: (identifier) @n) (method_signature name: (_) @n)
 (abstract_method_signature name: (_) @n)] @d.f
(public_field_definition name: (property_identifier) @n
  value: [(arrow_function) (function_expression)]) @d.f
(extends_clause value: [(identifier) @x (member_expression) @x])
(implements_clause [(type_identifier) @x (generic_type) @x])
(extends_type_clause type: [(type_identifier) @x (generic_type) @x])
(type_annotation (_) @t)
(type_arguments (type_identifier) @t)
(function_declaration return_type: (type_annotation (_) @rt))
(method_definition return_type: (type_annotation (_) @rt))
(method_signature return_type: (type_annotation (_) @rt))
(arrow_function return_type: (type_annotation (_) @rt))
(variable_declarator name: (identifier) @v type: (type_annotation (_) @vt))
(required_parameter pattern: (identifier) @v type: (type_annotation (_) @vt))
(required_parameter value: (_)) @b
(optional_parameter pattern: (identifier) @v type: (type_annotation (_) @vt))
(public_field_definition name: (property_identifier) @v
  type: (type_annotation (_) @vt))
(public_field_definition name: (property_identifier) @v
  value: [(new_expression) (call_expression) (identifier)] @ve)
(property_signature name: (property_identifier) @v
  type: (type_annotation (_) @vt))
"""
)

LANGUAGE: Final = Language(
    name="typescript",
    extensions=(".ts", ".mts", ".cts"),
    grammar="tree_sitter_typescript",
    factory="language_typescript",
    query=QUERY,
    family="js",
    imports=imports,
    own_members=False,
    overloads=True,
)
