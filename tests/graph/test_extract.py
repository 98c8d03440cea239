"""Complexity and tests as read from single files."""

import pytest

from openhands_tiered_router.graph.expressions import names_before
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


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        (";\n a.", "a"),
        ("if x:\n    self.b2.c.", "self.b2.c"),
        ("f(-$a.b.", "$a.b"),
        # more than names, as only the tree tells
        *[(text, "") for text in ("a().b.", "a[0].", '"a".', "x ?.a.", "1.0.a.")],
        *[(text, "") for text in ("0..a.", "x..a.", "a::b.", "a->b.", "@a.", "a .")],
        *[(text, "") for text in ("a.\n  b.", "\u00e4a.", "a.", " A.super.", " a::")],
        (" " + "a." * 80, ""),  # begins before what is looked at
    ],
)
def test_names_before_a_callee_are_read_without_the_tree(before, expected):
    source = f"{before}callee()".encode()
    assert names_before(source, source.index(b"callee")) == expected


def test_both_ways_to_a_receiver_agree():
    text = "interface A { void f(); class B implements A { A a; void g() {"
    text += " a.f(); this.a.f(); (a).f(); A.super.f(); new B().a.f(); } } }"
    calls = extract("A.java", text.encode(), by_name()["java"]).calls
    found = [call.receiver for call in calls if call.name == "f"]
    assert found == ["a", "this.a", "A", "B().a"]
