"""Python."""

import re
from collections.abc import Iterable
from typing import Final

from openhands_tiered_router.graph.languages.base import ImportParts, Language


QUERY: Final = """
(function_definition name: (identifier) @n) @d.f
(class_definition name: (identifier) @n) @d.c
(class_definition superclasses: (argument_list
  [(identifier) @x (attribute) @x (subscript) @x]))
(class_definition body: (block . (expression_statement
  (string (string_content) @doc))))
(function_definition body: (block . (expression_statement
  (string (string_content) @doc))))
(function_definition return_type: (type) @rt)
(return_statement [(call) (attribute) (identifier)] @re)
(return_statement (expression_list) @re)
(call function: [(identifier) @c (attribute attribute: (identifier) @c)])
(decorator [(identifier) @c (attribute attribute: (identifier) @c)])
(type) @t
(import_statement) @i
(import_from_statement) @i
(assignment left: [(identifier) (attribute)] @v
  right: [(call) (attribute) (identifier) (await) (subscript)
          (boolean_operator) (conditional_expression)] @ve)
(assignment left: (pattern_list) @vp right: (call) @vc)
(assignment left: [(identifier) (attribute)] @v type: (type) @vt)
(typed_parameter . (identifier) @v type: (type) @vt)
(typed_default_parameter name: (identifier) @v type: (type) @vt)
(parameters [(identifier) (default_parameter name: (identifier))] @u)
(lambda_parameters (identifier) @u)
(named_expression name: (identifier) @v value: [(call) (attribute) (await)] @ve)
(for_statement left: (identifier) @v right: [(call) (attribute) (identifier)] @vi)
(for_in_clause left: (identifier) @v right: [(call) (attribute) (identifier)] @vi)
(with_item value: (as_pattern [(call) (await) (attribute) (identifier)] @wc
  alias: (as_pattern_target (identifier) @wv)))
(except_clause (as_pattern [(attribute) (identifier)] @we
  alias: (as_pattern_target (identifier) @wv)))
[(if_statement) (elif_clause) (for_statement) (while_statement) (except_clause)
 (conditional_expression) (boolean_operator) (case_clause) (for_in_clause)
 (if_clause)] @b
"""

_FROM: Final = re.compile(r"from\s*([.\w\s]*?)\s*\bimport\b\s*(.*)", re.DOTALL)
_NOISE: Final = re.compile(r"#[^\n]*|\\\r?\n|[()]")


def imports(text: str) -> Iterable[ImportParts]:
    """Read ``import a.b as c, d`` and ``from .a import b as c, d``."""
    text = _NOISE.sub(" ", text)
    match = _FROM.match(text)
    if match:
        module = "".join(match[1].split())
        for clause in match[2].split(","):
            words = clause.split()
            if words:
                alias = "" if words[0] == "*" else words[-1]
                yield module, words[0], alias
        return
    for clause in text.removeprefix("import").split(","):
        words = clause.split()
        if words:
            yield words[0], "", words[-1]


LANGUAGE: Final = Language(
    name="python",
    extensions=(".py", ".pyi"),
    grammar="tree_sitter_python",
    query=QUERY,
    imports=imports,
    # a `test` further down may well be code that helps others to test: django/test/
    test_path=re.compile(
        r"(?:^|/)tests/|^test/|(?:^|/)(?:test_[^/]*|[^/]*_test|conftest)\."
    ),
    test_name=re.compile(r"test"),
    own_members=False,
)
