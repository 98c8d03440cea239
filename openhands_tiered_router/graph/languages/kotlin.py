"""Kotlin."""

import re
from typing import Final

from openhands_tiered_router.graph.languages.base import Language
from openhands_tiered_router.graph.languages.java import imports


QUERY: Final = """
(function_declaration name: (identifier) @n) @d.f
(class_declaration name: (identifier) @n) @d.c
(object_declaration name: (identifier) @n) @d.c
(delegation_specifier [(user_type (identifier) @x .) (constructor_invocation
  (user_type (identifier) @x .))])
(call_expression . [(identifier) @c (navigation_expression (identifier) @c .)])
(parameter (user_type (identifier) @t .))
(import [(qualified_identifier) (identifier)] @i)
[(if_expression) (for_statement) (while_statement) (do_while_statement)
  (when_entry) (catch_block)] @b
["&&" "||" "?:"] @b
"""

LANGUAGE: Final = Language(
    name="kotlin",
    extensions=(".kt", ".kts"),
    grammar="tree_sitter_kotlin",
    query=QUERY,
    family="jvm",
    imports=imports,
    test_path=re.compile(r"(?:^|/)\w*[tT]ests?/|(?:Test|Tests|Spec)\.kt\Z"),
    test_marker=re.compile(r"@Test\b"),
    package_scope=True,
    overloads=True,
)
