"""Ruby."""

import re
from typing import Final

from openhands_tiered_router.graph.languages.base import Language


QUERY: Final = """
(method name: (_) @n) @d.f
(singleton_method name: (_) @n) @d.f
(class name: [(constant) @n (scope_resolution name: (constant) @n)]) @d.c
(module name: [(constant) @n (scope_resolution name: (constant) @n)]) @d.m
(superclass [(constant) @x (scope_resolution name: (constant) @x)])
(call method: (identifier) @c)
(call method: (identifier) @_r arguments: (argument_list . (string (string_content)
  @i)) (#any-of? @_r "require" "require_relative" "load"))
(call receiver: (constant) @t)
[(if) (elsif) (unless) (while) (until) (for) (when) (in_clause) (rescue)
  (conditional) (if_modifier) (unless_modifier) (while_modifier)] @b
["&&" "||" "and" "or"] @b
"""

LANGUAGE: Final = Language(
    name="ruby",
    extensions=(".rb",),
    grammar="tree_sitter_ruby",
    query=QUERY,
    test_name=re.compile(r"test_"),
    ignored_calls=frozenset({"require", "require_relative", "load"}),
)
