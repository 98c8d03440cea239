"""Calls to overloaded names: which of the definitions they lead to."""

from collections.abc import Callable, Mapping

import pytest

from openhands_tiered_router.graph.model import EdgeKind
from openhands_tiered_router.graph.resolve.link import ONE_OF_TWINS
from openhands_tiered_router.graph.resolve.overloads import chosen
from openhands_tiered_router.graph.snapshot import CodeGraph


type Build = Callable[[Mapping[str, str]], CodeGraph]


@pytest.fixture
def calls(
    graph_of: Build,
) -> Callable[[Mapping[str, str]], dict[tuple[str, str], float]]:
    """Write files, and return their calls, by qualified names, with confidences."""

    def linked(files: Mapping[str, str]) -> dict[tuple[str, str], float]:
        graph = graph_of(files)
        return {
            (edge.source.partition("::")[2], edge.target.partition("::")[2]): (
                edge.confidence
            )
            for path in graph.files
            for edge in graph.edges_from(path)
            if edge.kinds & EdgeKind.CALLS
        }

    return linked


JAVA = """
class Box {
    void f() {}
    void f(int a) {}
    void f(int a, int b) {}
    void g(String a) {}
    void g(Class<T> a) {}
    void g(Box a) {}
    void many(String a) {}
    void many(String a, Object... rest) {}
    int size() { return 1; }
}
class Big extends Box { void f(int a, int b, int c) {} }
"""


def test_java(calls):
    found = calls(
        {
            "Box.java": JAVA,
            "U.java": """
class U {
    void count(Box b) { b.f(); }
    void two(Box b) { b.f(1, 2); }
    void literal(Box b) { b.g("x" + 1); }
    void variable(Box b, Box c) { b.g(c); }
    void type(Box b) { b.g(U.class); }
    void open(Box b) { b.g(unknown); }
    void rest(Box b) { b.many("x", 1, 2); }
    void one(Box b) { b.many("x"); }
    void inherited(Big b) { b.f(1); }
    void result(Box b) { b.f(b.size()); }
}
""",
        }
    )
    sure = {pair for pair, confidence in found.items() if confidence == 1.0}
    assert sure == {
        ("U.count", "Box.f"),
        ("U.two", "Box.f#2"),
        ("U.literal", "Box.g"),
        ("U.variable", "Box.g#2"),
        ("U.type", "Box.g#1"),
        ("U.rest", "Box.many#1"),
        ("U.one", "Box.many"),
        ("U.inherited", "Box.f#1"),
        ("U.result", "Box.f#1"),
        ("U.result", "Box.size"),
    }
    assert {p: c for p, c in found.items() if c < 1.0} == {
        ("U.open", name): ONE_OF_TWINS for name in ("Box.g", "Box.g#1", "Box.g#2")
    }


def test_typescript_leads_to_signatures_and_they_to_the_implementation(graph_of):
    graph = graph_of(
        {
            "ref.ts": "export function ref(a: string): void;\n"
            "export function ref(a: string, b: number): void;\n"
            "export function ref(a: any, b?: any) { return a; }\n",
            "use.ts": "import { ref } from './ref';\n"
            "function one() { ref('x'); }\nfunction two() { ref('x', 1); }\n"
            "function spread(a: any) { ref(...a); }\n",
        }
    )
    edges = {
        (e.source, e.target.partition("::")[2]): (e.kinds, e.confidence)
        for e in (*graph.edges_from("use.ts"), *graph.records["ref.ts"].edges)
    }
    call, reference = int(EdgeKind.CALLS), int(EdgeKind.REFERENCES)
    assert edges["use.ts::one", "ref"] == (call, 1.0)
    assert edges["use.ts::two", "ref#1"] == (call, 1.0)
    assert ("use.ts::one", "ref#1") not in edges
    assert edges["use.ts::spread", "ref"] == (call, ONE_OF_TWINS)
    assert edges["use.ts::spread", "ref#1"] == (call, ONE_OF_TWINS)
    assert edges["ref.ts::ref", "ref#2"] == (reference, 1.0)
    assert edges["ref.ts::ref#1", "ref#2"] == (reference, 1.0)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (
            "a.cs",
            "class A { void F() {} void F(int a, int b = 1) {}\n"
            "void None() { F(); } void One() { F(1); } void Two() { F(1, 2); } }",
        ),
        (
            "a.cpp",
            "struct A { void F() {} void F(int a, int b = 1) {}\n"
            "void None() { F(); } void One() { F(1); } void Two() { F(1, 2); } };",
        ),
        (
            "a.kt",
            "class A { fun F() {}\nfun F(a: Int, b: Int = 1) {}\n"
            "fun None() { F() }\nfun One() { F(1) }\nfun Two() { F(1) { 2 } }\n}",
        ),
    ],
)
def test_arity_with_defaults(calls, path, text):
    assert calls({path: text}) == {
        ("A.None", "A.F"): 1.0,
        ("A.One", "A.F#1"): 1.0,
        ("A.Two", "A.F#1"): 1.0,
    }


def test_python_overloads_lead_to_the_implementation(calls):
    found = calls(
        {
            "a.py": "from typing import overload\n"
            "@overload\ndef f(a: int) -> int: ...\n"
            "@overload\ndef f(a: str) -> str: ...\n"
            "def f(a): return a\n"
            "def g(): f(1)\n"
        }
    )
    assert found["g", "f#2"] == 1.0
    assert not {("g", "f"), ("g", "f#1")} & found.keys()


def test_a_change_of_parameters_links_callers_anew(tmp_path):
    from openhands_tiered_router.graph.refresh import Refresher

    (tmp_path / "A.java").write_text("class A { void f(int a) {} void f() {} }")
    (tmp_path / "B.java").write_text("class B { void g(A a) { a.f(1); } }")
    refresher = Refresher(tmp_path, persistent=False, workers=0)
    writer = refresher.start()
    (tmp_path / "A.java").write_text("class A { void f() {} void f(int a) {} }")
    refresher.reread({"A.java"})
    writer.settle()
    targets = {e.target for e in writer.graph.records["B.java"].edges}
    assert "A.java::A.f#1" in targets
    assert "A.java::A.f" not in targets


def test_choice_by_type():
    twins = (("f", ("long",)), ("f#1", ("Number",)), ("f#2", ("String",)))
    assert chosen(twins, ("int",))[1] == ("f",)
    assert chosen(twins, ("String",))[1] == ("f#2",)
    assert chosen(twins, ("Integer",))[1] == ("f", "f#1")
    assert chosen(twins, ("",))[1] == ("f", "f#1", "f#2")
    assert chosen(twins, ())[1] == ()
    assert chosen((("f", None),), ("int", "int"))[1] == ("f",)


@pytest.mark.parametrize(
    ("argument", "names"),
    [
        ("byte[]", ("f",)),
        ("String[]", ("f#1",)),
        ("Cat<Animal", ("f#2",)),
        ("char", ()),
        ("T", ("f", "f#1", "f#2")),
    ],
)
def test_choice_among_arrays_and_supertypes(argument, names):
    twins = (("f", ("byte[]",)), ("f#1", ("Object[]",)), ("f#2", ("Animal",)))
    assert chosen(twins, (argument,), strict=True)[1] == names


def test_swift_labels(calls):
    found = calls(
        {
            "B.swift": """
class B {
    init(name: String) {}
    func f(_ a: Int) {}
    func f(to a: Int) {}
    func f(_ a: Int, by b: Int = 1, then: () -> Void) {}
    func g(_ a: String) {}
    func g(_ a: Int...) {}
}
func plain(b: B) {
    one(1)
}
func one(_ a: Int) {}
func one(to a: Int) {}
func one(_ a: Int, by b: Int = 1) {}
func two() { one(to: 2) }
func three() { one(3, by: 4) }
func many(_ a: Int..., to b: Int) {}
func many(_ a: String) {}
func four() { many(1, 2, 3, to: 4) }
func five() { many("x") }
""",
        }
    )
    assert found == {
        ("plain", "one"): 1.0,
        ("two", "one#1"): 1.0,
        ("three", "one#2"): 1.0,
        ("four", "many"): 1.0,
        ("five", "many#1"): 1.0,
    }


def test_java_annotation_elements_are_members(calls):
    found = calls(
        {
            "A.java": '@interface A { String value() default "x"; }',
            "U.java": "class U { void f(A a) { a.value(); } }",
        }
    )
    assert found == {("U.f", "A.value"): 1.0}
