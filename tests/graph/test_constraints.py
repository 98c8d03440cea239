"""Go's build constraints, read from names and lines, for the host at hand."""

import pytest

from openhands_tiered_router.graph import constraints
from openhands_tiered_router.graph.build import build_graph
from openhands_tiered_router.graph.constraints import built_here, constraint_of


@pytest.fixture(autouse=True)
def linux(monkeypatch):
    monkeypatch.setattr(constraints.sys, "platform", "linux")
    monkeypatch.setattr(constraints.platform, "machine", lambda: "x86_64")
    built_here.cache_clear()
    yield
    built_here.cache_clear()


@pytest.mark.parametrize(
    ("path", "head", "constraint"),
    [
        ("a/f.go", "package a\n", ""),
        ("a/f_windows.go", "package a\n", "windows"),
        ("a/f_linux_arm64_test.go", "package a\n", "linux && arm64"),
        ("a/linux.go", "package a\n", ""),
        ("a/f_other.go", "package a\n", ""),
        ("a/f.go", "// x\n\n//go:build js || !cgo\n\npackage a\n", "js || !cgo"),
        ("f_js.go", "//go:build wasm\n\npackage a\n", "js && (wasm)"),
        ("a/f.go", "package a\n\n//go:build js\n", ""),
    ],
)
def test_constraints_are_read(path, head, constraint):
    assert constraint_of(path, head.encode()) == constraint


@pytest.mark.parametrize(
    ("constraint", "here"),
    [
        ("", True),
        ("linux", True),
        ("windows", False),
        ("!windows && amd64", True),
        ("linux && arm64", False),
        ("unix && (js || go1.21)", True),
        ("!(linux || darwin)", False),
        ("js || !cgo", False),
        ("ignore", False),
        ("(linux", True),
        ("&&", True),
    ],
)
def test_the_host_decides(constraint, here):
    assert built_here(constraint) is here


def test_calls_lead_to_the_twin_that_the_host_builds(tmp_path):
    twin = "package p\n\nfunc open() {}\nfunc init_() { open() }\n"
    (tmp_path / "go.mod").write_text("module m\n")
    (tmp_path / "a_js.go").write_text(twin)
    (tmp_path / "b.go").write_text(f"//go:build !js\n\n{twin}")
    (tmp_path / "use.go").write_text("package p\n\nfunc f() { open() }\n")
    graph = build_graph(tmp_path, persistent=False, workers=0)
    edges = {(e.source, e.target) for p in graph.files for e in graph.records[p].edges}
    assert ("use.go::f", "b.go::open") in edges
    assert ("use.go::f", "a_js.go::open") not in edges
    assert ("a_js.go::init_", "a_js.go::open") in edges
    assert graph.files["a_js.go"].constraint == "js"
    assert graph.file_graph.nodes["b.go"]["constraint"] == "!js"
