"""Complexity and tests as read from single files."""

import pytest

from openhands_tiered_router.graph.extract import extract
from openhands_tiered_router.graph.languages import by_name, language_of


@pytest.mark.parametrize(
    ("language", "source", "expected"),
    [
        ("python", "def f(x):\n  if x and 1: pass\n  for y in x: pass\n", {"f": 4}),
        ("typescript", "function f(a = 1, {b = 2}) { return a ?? b; }", {"f": 4}),
        ("typescript", "const f = (a?: T) => g(a, (b) => b ? 1 : 2);", {"f": 1}),
        (
            "tsx",
            "function F() { use(() => { const h = (e) => { if (e && 1) k(); };\n"
            "  if (h) h(); }); return 1 ? 2 : 3; }",
            {"F": 2, "F.h": 3},
        ),
        ("go", "func f() { g(func() { if a { } }); if b { } }", {"f": 2}),
        ("rust", "fn f() { m!{ if a { for b in c {} } } x.g(|| 1)?; }", {"f": 4}),
    ],
)
def test_decision_points_belong_to_the_innermost_named_function(
    language, source, expected
):
    facts = extract("sample", source.encode(), by_name()[language])
    assert {d.qualname: d.complexity for d in facts.definitions} == expected
    assert facts.complexity >= max(expected.values())


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("tests/helpers.py", True),
        ("test/helpers.py", True),
        ("lib/tests/a.py", True),
        ("lib/test/test_a.py", True),
        ("conftest.py", True),
        ("django/test/client.py", False),
        ("latest/a.py", False),
        ("contest.py", False),
    ],
)
def test_files_of_python_tests(path, expected):
    language = language_of(path)
    assert language is not None
    assert extract(path, b"x = 1\n", language).is_test == expected
