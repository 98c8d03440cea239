"""Swift."""

import re
from typing import Final

from openhands_tiered_router.graph.languages.base import Language


QUERY: Final = """
(function_declaration name: (simple_identifier) @n) @d.f
(protocol_function_declaration name: (simple_identifier) @n) @d.f
(init_declaration name: _ @n) @d.f
(class_declaration name: [(type_identifier) @n (user_type (type_identifier) @n)]) @d.c
(protocol_declaration name: (type_identifier) @n) @d.c
(typealias_declaration name: (type_identifier) @n) @d.c
(inheritance_specifier inherits_from: (user_type (type_identifier) @x))
(call_expression . [(simple_identifier) @c (navigation_expression suffix:
  (navigation_suffix suffix: (simple_identifier) @c))])
(parameter (user_type (type_identifier) @t))
(import_declaration (identifier) @i)
[(if_statement) (guard_statement) (for_statement) (while_statement)
  (repeat_while_statement) (switch_entry) (catch_block) (ternary_expression)
  (conjunction_expression) (disjunction_expression) (nil_coalescing_expression)] @b
"""

LANGUAGE: Final = Language(
    name="swift",
    extensions=(".swift",),
    grammar="tree_sitter_swift",
    query=QUERY,
    test_name=re.compile(r"test"),
    global_names=True,
    overloads=True,
)
