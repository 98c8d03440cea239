"""What Java's static imports, nested types, lambdas and literals mean."""

import pytest

from openhands_tiered_router.graph.build import build_graph
from openhands_tiered_router.graph.model import EdgeKind


UTIL = """package a;
public class Util {
    public static void check(boolean ok) {}
    public static void check(String text, Object... more) {}
    public static void check(Runnable todo) {}
    public static Builder builder() { return new Builder(); }
    public Builder made;
    public static class Builder {
        public Builder add(String text) { return this; }
        public Util build() { return null; }
    }
    public void done() {}
}
"""


@pytest.fixture
def calls(tmp_path):
    """Return the sure calls of the method ``f`` of a class U, by callee."""

    def linked(body, imports="import static a.Util.check;\nimport a.Util;"):
        head = f"package b;\n{imports}\nimport java.util.List;\n"
        text = f"{head}class U {{ {body} }}"
        for name, content in {"a/Util.java": UTIL, "b/U.java": text}.items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(content)
        graph = build_graph(tmp_path, persistent=False, workers=0)
        return {
            edge.target.partition("::")[2]
            for edge in graph.edges_from("b/U.java")
            if edge.kinds & EdgeKind.CALLS and edge.confidence >= 0.95
        }

    return linked


@pytest.mark.parametrize(
    ("body", "callees"),
    [
        ("void f(int a) { check(a > 1); }", {"Util.check"}),
        ("void f(int a) { check(!(a > 1) && true); }", {"Util.check"}),
        ('void f(int a) { check("x" + a); }', {"Util.check#1"}),
        ('void f(int a) { check("x", a, a); }', {"Util.check#1"}),
        ("void f() { check(() -> {}); }", {"Util.check#2"}),
        ('void f() { Util.builder().add("x").build().done(); }',
         {"Util.builder", "Util.Builder.add", "Util.Builder.build", "Util.done"}),
        ("void f(Util u) { u.made.build(); }", {"Util.Builder.build"}),
        ("void f(List<Util> us) { us.forEach(u -> u.done()); }", {"Util.done"}),
        ("void f(List<Util> us) { us.stream().map((u) -> u.made.build()); }",
         {"Util.Builder.build"}),
        # a variable is never called
        ("void f() { Util g = g(); g.done(); } Util g() { return null; }",
         {"U.g", "Util.done"}),
    ],
)  # fmt: skip
def test_calls(calls, body, callees):
    assert calls(body) == callees


NEST = """
class U {
    static final U FIRST = new U();
    static final char MARK = ',';
    enum Kind { A; void named() {} }
    static class Inner<T> {
        Inner(U from) {}
        Inner<T> one() { return this; }
        static Inner<?> made() { return new Inner<>(null).one(); }
        static U get() { return null; }
    }
    U(Inner<?> from) { from.one(); }
    void put(char c) {}
    void put(Character c) {}
    void put(String s) {}
    void put(CharSequence s, int n) {}
    void put(char c, int n) {}
    void all(Iterable<?> i) {}
    void all(java.io.Reader r) {}
    <T> T late(T value, int n) { return value; }
    <T> T late(java.util.function.Supplier<T> value, int n) { return null; }
    BODY
}
"""


@pytest.mark.parametrize(
    ("body", "callee"),
    [
        ("put(MARK)", "U.put"),
        ("put(U.MARK)", "U.put"),
        ("put(Character.valueOf(MARK))", "U.put#1"),
        ("put(System.lineSeparator())", "U.put#2"),
        ('put("a", 1)', "U.put#3"),
        ("put(MARK, 1)", "U.put#4"),
        ("all(new java.util.ArrayList<>())", "U.all"),
        ("all(new java.io.StringReader(null))", "U.all#1"),
        ("late(() -> 1, 1)", "U.late#1"),
        ('Kind.valueOf("A").named()', "U.Kind.named"),
    ],
)
def test_overloads_are_chosen_by_the_types_of_java(graph_of, body, callee):
    graph = graph_of({"U.java": NEST.replace("BODY", f"void f() {{ {body}; }}")})
    found = {
        edge.target.partition("::")[2]
        for edge in graph.edges_from("U.java")
        if edge.source.endswith("::U.f")
        and edge.kinds & EdgeKind.CALLS
        and edge.confidence >= 0.95
    }
    assert callee in found
    assert {name for name in found if name.startswith(callee.partition("#")[0])} == {
        callee
    }


def test_a_constructor_does_not_hide_its_class(graph_of):
    graph = graph_of({"U.java": NEST.replace("BODY", "")})
    found = {
        (e.source, e.target)
        for e in graph.edges_from("U.java")
        if e.kinds & EdgeKind.CALLS
    }
    for source in ("U.Inner.made", "U.U"):
        assert (f"U.java::{source}", "U.java::U.Inner.one") in found


KINDS = """class Base<B extends Base<B>> {
    protected Part part;
    protected Part part() { return part; }
    B with(int a) { return null; }
    static class Part { void turn() {} }
    void take(byte[] a) {}
    void take(String a) {}
    void take(Part a) {}
    void take(long a) {}
}
interface Turns { void turn(); default Part more() { return null; } }
class Made extends Base<Made> {
    void own() {}
    private static final Turns NONE = new Turns() { public void own() {} };
}
class Bolt extends Base.Part {}
"""


@pytest.mark.parametrize(
    ("body", "callees"),
    [
        ("void f() { part().turn(); }", {"Base.part", "Base.Part.turn"}),
        ("void f() { part.turn(); }", {"Base.Part.turn"}),
        ("void f(Part p) { p.turn(); }", {"Base.Part.turn"}),
        ("void f(Object o) { ((Made) o).own(); }", {"Made.own"}),
        ("void f(Made m) { m.with(1).own(); }", {"Base.with", "Made.own"}),
        ("<T extends Made> void f(T t) { t.own(); }", {"Made.own"}),
        ("void f(Object o) { take((byte[]) o); }", {"Base.take"}),
        ("void f(byte[] a) { take(a[0]); }", {"Base.take#3"}),
        ("void f(String a) { take(a + 1); }", {"Base.take#1"}),
        ("void f(Bolt b) { take(b); }", {"Base.take#2"}),
        ("void f(int a) { take(a * 2 + 1L); }", {"Base.take#3"}),
        ("void f() { U.this.part.turn(); }", {"Base.Part.turn"}),
        ("void f() { try { } catch (Fail e) { e.own(); } }", {"Fail.own"}),
        ("void f(Object o) { if (o instanceof Made m) m.own(); }", {"Made.own"}),
        ("void f(Made m) { Objects.requireNonNull(m).own(); }", {"Made.own"}),
    ],
)
def test_what_a_class_inherits(tmp_path, body, callees):
    fail = "class Fail extends Exception { void own() {} }"
    (tmp_path / "Kinds.java").write_text(KINDS)
    (tmp_path / "U.java").write_text(f"class U extends Base<U> {{ {body} }}\n{fail}")
    graph = build_graph(tmp_path, persistent=False, workers=0)
    found = {
        edge.target.partition("::")[2]
        for edge in graph.edges_from("U.java")
        if edge.kinds & EdgeKind.CALLS and edge.confidence >= 0.95
    }
    assert found == callees


def test_classes_come_before_interfaces_and_imports_stay_their_files_own(tmp_path):
    files = {
        "a/A.java": "package a; interface A { int size(); }",
        "a/B.java": "package a; abstract class B implements A { public int size() {} }",
        "a/C.java": "package a; class C extends B implements A { }",
        "a/U.java": "package a; class U { int f(C c) { return c.size(); } }",
        "a/V.java": "package a; import b.Thing; class V { }",
        "a/W.java": "package a; class W { int f(Thing t) { return t.get(); } }",
        "b/Thing.java": "package b; public class Thing { public int get() {} }",
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    graph = build_graph(tmp_path, persistent=False, workers=0)
    sure = {
        edge.target
        for path in ("a/U.java", "a/W.java")
        for edge in graph.edges_from(path)
        if edge.kinds & EdgeKind.CALLS and edge.confidence >= 0.95
    }
    assert sure == {"a/B.java::B.size"}
