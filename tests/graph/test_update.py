"""After any sequence of edits the graph is what a fresh build would give."""

import gc
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from openhands_tiered_router.graph import contents, refresh, writer as writer_module
from openhands_tiered_router.graph.refresh import Refresher


NAMES = (
    *("a.py", "b.py", "pkg/__init__.py", "pkg/c.py", "pkg/d.py"),
    *("m.ts", "n.ts", "A.java", "B.java"),
)

PYTHON = (
    "",
    "from pkg import *\nfrom a import f\n",
    "from .c import C as D\nfrom .d import *\n",
    "import pkg.c\nfrom b import f, C\ndef g(x: C):\n    return f() or x.h()\n",
    "class C:\n    def h(self): return self\n    def i(self): return self.h().i()\n",
    "from pkg.c import C\nclass E(C):\n    def h(self): return super().h()\n",
    "def f(): return make()\ndef make() -> 'C': ...\n",
    "from a import C\nfrom pkg.d import E\nx = E()\ndef k(): x.h(); f(); C().i()\n",
    "from pkg import D\nclass C(D): pass\nclass E(C): pass\n",
    "def test_it():\n    from b import g\n    g().h()\n",
    "class C:\n    def h(self: T) -> T: return self\n    def i(self) -> t.Self: ...\n",
    "from a import C\ndef k():\n    with C().h() as x: x.i().h()\n",
    "def broken(:\n  class\n",
)
SCRIPT = (
    "",
    "export * from './n'; export default function f() { return g(); }\n",
    "import h, { g as k } from './m'; export class C { m() { k(); h(); this.m(); } }\n",
    "export function g() { return new C(); }\nimport { C } from './n';\n",
    "export { g as f } from './n'; const x = new C(); x.m();\n",
)
JAVA = (
    "",
    "class A { A f(int a) { f(); } void f() { f(1); } }",
    "class A { void f(String a) {} void f() { f(x); } }",
    "class B extends A { String g() { f(1); f(g()); } void f(int a, int b) {} }",
    "class B { void g(A a, int b) { a.f(b); a.f(a.f(1)); } void f(Object o) {} }",
)

edit = st.tuples(
    st.sampled_from(NAMES),
    st.one_of(st.none(), st.integers(0, 50)),
    st.booleans(),
)


def write(root: Path, name: str, choice: int | None) -> None:
    path = root / name
    if choice is None:
        path.unlink(missing_ok=True)
        return
    texts = {"ts": SCRIPT, "java": JAVA}.get(name.partition(".")[2], PYTHON)
    path.parent.mkdir(exist_ok=True)
    path.write_text(texts[choice % len(texts)])


def state(graph):
    """Everything that a reader can see of a graph."""
    network, files = graph.digraph, graph.file_graph
    return {
        "files": dict(graph.files),
        "links": dict(graph.links),
        "records": {path: graph.records[path] for path in graph.files},
        "nodes": dict(network.nodes(data=True)),
        "edges": {(u, v): d for u, v, d in network.edges(data=True)},
        "into": {n: set(network.predecessors(n)) for n in network},
        "file nodes": dict(files.nodes(data=True)),
        "file edges": {(u, v): d for u, v, d in files.edges(data=True)},
        "file into": {n: set(files.predecessors(n)) for n in files},
    }


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    start=st.lists(st.tuples(st.sampled_from(NAMES), st.integers(0, 50)), max_size=7),
    edits=st.lists(edit, min_size=1, max_size=12),
)
def test_edits_give_the_graph_of_a_fresh_build(tmp_path, start, edits):
    shutil.rmtree(tmp_path)
    tmp_path.mkdir()
    for name, choice in start:
        write(tmp_path, name, choice)
    refresher = Refresher(tmp_path, persistent=False, workers=0)
    writer = refresher.start()
    for name, choice, look in edits:
        write(tmp_path, name, choice)
        if name in writer.stamps:
            refresher.reread({name}, budget=0.0)
        else:
            refresher.refresh()
        if look:  # readers in between decide what later graphs are made from
            state(writer.graph)
    writer.settle()
    fresh = Refresher(tmp_path, persistent=False, workers=0).start()
    assert writer.graph.pending == 0
    assert state(writer.graph) == state(fresh.graph)


def test_a_dependant_that_does_not_fit_into_the_budget_waits(tmp_path, monkeypatch):
    monkeypatch.setattr(writer_module, "BYTES_PER_S", 1)  # so that no clock decides
    use = "from a import f\ndef g(): f()\n"
    texts = {"a.py": "", "large.py": use + "#" * 9_000, "small.py": use}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    refresher = Refresher(tmp_path, persistent=False, workers=0)
    writer = refresher.start()

    def calls():
        return {
            name
            for name in ("large.py", "small.py")
            for edge in writer.graph.edges_from(name)
            if edge.target == "a.py::f"
        }

    (tmp_path / "a.py").write_text("def f(): pass\n")
    touched = refresher.reread({"a.py"}, budget=1_000)
    assert (calls(), writer.graph.pending) == ({"small.py"}, 1)
    assert touched == {"a.py", "small.py"}
    # what is left is linked all the same, one at a time
    assert writer.settle(0) == {"large.py"}
    assert (calls(), writer.graph.pending) == ({"large.py", "small.py"}, 0)


def test_what_large_workspaces_keep_on_disk_follows_edits_alike(tmp_path, monkeypatch):
    monkeypatch.setattr(refresh, "LARGE", 0)
    monkeypatch.setattr(contents, "BATCH", 2)
    root, cache = tmp_path / "tree", tmp_path / "graph.sqlite"
    root.mkdir()
    for choice, name in enumerate(NAMES):
        write(root, name, choice)
    refresher = Refresher(root, cache=cache, workers=0)
    writer = refresher.start()
    for choice, name in enumerate((*NAMES, *NAMES[::-1])):
        write(root, name, None if choice % 5 == 4 else 3 * choice + 1)
        refresher.refresh()
    assert isinstance(writer.graph.records, contents._Stored)
    found = state(writer.graph)
    refresher.close()
    assert state(Refresher(root, cache=cache, workers=0).start().graph) == found
    monkeypatch.undo()
    assert state(Refresher(root, persistent=False, workers=0).start().graph) == found


def test_unrelated_files_are_not_linked_again(tmp_path):
    (tmp_path / "a.py").write_text("def f(): pass\ndef g(): pass\n")
    (tmp_path / "b.py").write_text("from a import f\nf()\n")
    (tmp_path / "c.py").write_text("from a import g\ng()\n")
    refresher = Refresher(tmp_path, persistent=False, workers=0)
    refresher.start()
    (tmp_path / "a.py").write_text("def f(): pass\ndef g2(): pass\n")
    assert refresher.reread({"a.py"}) == {"a.py", "c.py"}


def test_a_body_edit_touches_one_file(tmp_path):
    (tmp_path / "a.py").write_text("def f():\n    return 1\n")
    (tmp_path / "b.py").write_text("from a import f\nf()\n")
    refresher = Refresher(tmp_path, persistent=False, workers=0)
    refresher.start()
    (tmp_path / "a.py").write_text("def f():\n    if 1: return 2\n")
    assert refresher.reread({"a.py"}) == {"a.py"}


def test_snapshots_never_change(tmp_path):
    (tmp_path / "a.py").write_text("def f(): pass\n")
    (tmp_path / "b.py").write_text("from a import f\nf()\n")
    refresher = Refresher(tmp_path, persistent=False, workers=0)
    old = refresher.start().graph
    before = state(old)
    (tmp_path / "a.py").unlink()
    refresher.reread({"a.py"})
    assert state(old) == before


def test_changed_since(tmp_path):
    (tmp_path / "a.py").write_text("x = 1\n")
    (tmp_path / "b.py").write_text("y = 1\n")
    refresher = Refresher(tmp_path, persistent=False, workers=0)
    writer = refresher.start()
    first = writer.graph.version
    (tmp_path / "a.py").write_text("x = 2\n")
    refresher.reread({"a.py"})
    assert writer.graph.changed_since(first) == {"a.py"}
    assert writer.graph.changed_since(writer.graph.version) == frozenset()
    assert writer.graph.changed_since(first - 10_000) is None


@pytest.mark.parametrize("count", [1, 5])
def test_manifests_decide_anew(tmp_path, count):
    for number in range(count):
        (tmp_path / f"u{number}.ts").write_text("import {f} from 'alias/m'; f();\n")
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "m.ts").write_text("export function f() {}\n")
    refresher = Refresher(tmp_path, persistent=False, workers=0)
    writer = refresher.start()
    assert not writer.graph.links["u0.ts"]
    (tmp_path / "tsconfig.json").write_text(
        '{"compilerOptions": {"paths": {"alias/*": ["./lib/*"],},}, /* c */ }'
    )
    refresher.refresh()
    assert [edge.target for edge in writer.graph.links["u0.ts"]] == ["lib/m.ts"]


@pytest.mark.parametrize("collecting", [True, False])
def test_an_update_leaves_the_garbage_collector_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, collecting: bool
) -> None:
    write(tmp_path, "a.py", 1)
    refresher = Refresher(tmp_path, persistent=False)
    refresher.start()
    during: list[bool] = []
    real = refresh.Writer.apply

    def apply(*args, **options):
        during.append(gc.isenabled())
        return real(*args, **options)

    monkeypatch.setattr(refresh.Writer, "apply", apply)
    write(tmp_path, "a.py", 2)
    before = gc.isenabled()
    try:
        (gc.enable if collecting else gc.disable)()
        assert refresher.reread({"a.py"}) == {"a.py"}
        assert (during, gc.isenabled()) == ([False], collecting)
    finally:
        (gc.enable if before else gc.disable)()
