"""PHP."""

import re
from collections.abc import Iterable
from typing import Final

from openhands_tiered_router.graph.languages.base import ImportParts, Language


QUERY: Final = """
(function_definition name: (name) @n) @d.f
(method_declaration name: (name) @n) @d.f
[(class_declaration name: (name) @n) (interface_declaration name: (name) @n)
  (trait_declaration name: (name) @n) (enum_declaration name: (name) @n)] @d.c
(base_clause [(name) @x (qualified_name (name) @x)])
(class_interface_clause [(name) @x (qualified_name (name) @x)])
(use_declaration [(name) @x (qualified_name (name) @x)])
(function_call_expression function: [(name) @c (qualified_name (name) @c)])
(member_call_expression name: (name) @c)
(nullsafe_member_call_expression name: (name) @c)
(scoped_call_expression name: (name) @c)
(object_creation_expression [(name) @c (qualified_name (name) @c)])
(named_type [(name) @t (qualified_name (name) @t)])
(namespace_use_clause [(name) (qualified_name)] @i)
[(require_once_expression (string) @i) (require_expression (string) @i)
  (include_expression (string) @i) (include_once_expression (string) @i)]
[(if_statement) (else_if_clause) (for_statement) (foreach_statement)
  (while_statement) (do_statement) (case_statement) (catch_clause)
  (conditional_expression) (match_conditional_expression)] @b
["&&" "||" "and" "or" "??"] @b
"""


def imports(text: str) -> Iterable[ImportParts]:
    """Read the name of ``use A\\B\\C`` or the path of ``require 'a/b.php'``."""
    name = text.strip("\"'\\ ")
    if name:
        yield name.replace("\\", "/"), "*", ""


LANGUAGE: Final = Language(
    name="php",
    extensions=(".php",),
    grammar="tree_sitter_php",
    factory="language_php",
    query=QUERY,
    imports=imports,
    test_name=re.compile(r"test"),
)
