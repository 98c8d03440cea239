"""C#."""

import re
from typing import Final

from openhands_tiered_router.graph.languages.base import Language


QUERY: Final = """
[(method_declaration name: (identifier) @n) (constructor_declaration name:
  (identifier) @n) (local_function_statement name: (identifier) @n)
  (property_declaration name: (identifier) @n)] @d.f
[(class_declaration name: (identifier) @n) (interface_declaration name:
  (identifier) @n) (struct_declaration name: (identifier) @n) (record_declaration
  name: (identifier) @n) (enum_declaration name: (identifier) @n)
  (delegate_declaration name: (identifier) @n)] @d.c
(base_list [(identifier) @x (generic_name (identifier) @x) (qualified_name name:
  (identifier) @x)])
(invocation_expression function: [(identifier) @c (member_access_expression name:
  [(identifier) @c (generic_name (identifier) @c)]) (generic_name (identifier) @c)
  (conditional_access_expression (member_binding_expression name: (identifier) @c))])
(object_creation_expression type: [(identifier) @c (generic_name (identifier) @c)
  (qualified_name name: (identifier) @c)])
(parameter type: (identifier) @t)
(using_directive) @i
[(if_statement) (for_statement) (foreach_statement) (while_statement)
  (do_statement) (switch_section) (switch_expression_arm) (catch_clause)
  (conditional_expression)] @b
["&&" "||" "??"] @b
"""

LANGUAGE: Final = Language(
    name="c_sharp",
    extensions=(".cs",),
    grammar="tree_sitter_c_sharp",
    query=QUERY,
    test_marker=re.compile(r"\[(?:Test|Fact|Theory|TestMethod|TestCase)\b"),
    package_scope=True,
    overloads=True,
)
