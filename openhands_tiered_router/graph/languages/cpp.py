"""C++."""

import re
from typing import Final

from openhands_tiered_router.graph.languages.base import Language
from openhands_tiered_router.graph.languages.c import SHARED


QUERY: Final = (
    SHARED
    + """(function_definition declarator: (function_declarator declarator:
  [(field_identifier) @n (qualified_identifier name: (_) @n) (destructor_name) @n
  (operator_name) @n])) @d.f
(function_definition declarator: (reference_declarator (function_declarator
  declarator: [(identifier) @n (field_identifier) @n (qualified_identifier name:
  (_) @n) (operator_name) @n]))) @d.f
(class_specifier name: (type_identifier) @n body: (_)) @d.c
(namespace_definition name: (_) @n) @d.m
(base_class_clause [(type_identifier) @x (qualified_identifier name: (_) @x)
  (template_type name: (type_identifier) @x)])
(call_expression function: [(qualified_identifier name: (identifier) @c)
  (template_function name: (identifier) @c) (qualified_identifier name:
  (template_function name: (identifier) @c))])
(new_expression type: (type_identifier) @c)
(alias_declaration name: (type_identifier) @n) @d.c
(catch_clause) @b
(for_range_loop) @b
"""
)

LANGUAGE: Final = Language(
    name="cpp",
    extensions=(".cc", ".cpp", ".cxx", ".hpp", ".hh", ".hxx"),
    grammar="tree_sitter_cpp",
    query=QUERY,
    family="c",
    receiver_types=re.compile(r"[^()]*?\b(\w+)(?:<[^<>]*>)?::~?\w+\s*\("),
    global_names=True,
    overloads=True,
)
