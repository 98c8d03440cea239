"""Scala."""

import re
from typing import Final

from openhands_tiered_router.graph.languages.base import Language
from openhands_tiered_router.graph.languages.java import imports


QUERY: Final = """
[(function_definition name: (_) @n) (function_declaration name: (_) @n)] @d.f
[(class_definition name: (identifier) @n) (trait_definition name: (identifier) @n)
  (object_definition name: (identifier) @n) (enum_definition name: (identifier)
  @n)] @d.c
(extends_clause type: [(type_identifier) @x (generic_type type: (type_identifier)
  @x)])
(call_expression function: [(identifier) @c (field_expression field: (identifier)
  @c) (generic_function function: [(identifier) @c (field_expression field:
  (identifier) @c)])])
(instance_expression [(type_identifier) @c (generic_type type: (type_identifier) @c)])
(parameter type: (type_identifier) @t)
(import_declaration) @i
[(if_expression) (case_clause) (while_expression) (for_expression) (catch_clause)] @b
(infix_expression operator: (operator_identifier) @b (#any-of? @b "&&" "||"))
"""

LANGUAGE: Final = Language(
    name="scala",
    extensions=(".scala", ".sc"),
    grammar="tree_sitter_scala",
    query=QUERY,
    family="jvm",
    imports=imports,
    test_path=re.compile(r"(?:^|/)test/|(?:Test|Spec|Suite)\.scala\Z"),
    package_scope=True,
)
