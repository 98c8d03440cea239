"""What names mean: small workspaces, and the edges that must (not) come of them."""

import pytest

from openhands_tiered_router.graph.build import build_graph
from openhands_tiered_router.graph.model import EdgeKind


def edges(root, kind, least=0.95):
    graph = build_graph(root, persistent=False, workers=0)
    return {
        (edge.source, edge.target)
        for path in graph.files
        for edge in graph.edges_from(path)
        if edge.kinds & kind and edge.confidence >= least
    }


@pytest.fixture
def calls(tmp_path):
    """Write files, and return the sure calls between their nodes."""

    def linked(files, least=0.95):
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        return edges(tmp_path, EdgeKind.CALLS, least)

    return linked


def test_names_follow_scopes(calls):
    found = calls(
        {
            "a.py": "def f(): pass\n"
            "def outer():\n    def f(): pass\n    f()\n"
            "def shadow(f):\n    f()\n"
            "class C:\n    def f(self): pass\n    def g(self): f(); self.f()\n"
        }
    )
    assert found == {
        ("a.py::outer", "a.py::outer.f"),
        ("a.py::C.g", "a.py::f"),
        ("a.py::C.g", "a.py::C.f"),
    }


def test_re_exports_aliases_and_stars(calls):
    found = calls(
        {
            "p/__init__.py": "from .a import f as g\nfrom .b import *\n",
            "p/a.py": "def f(): pass\n",
            "p/b.py": "from .c import h\n",
            "p/c.py": "def h(): pass\n",
            "m.py": "import p as q\nfrom p import g as k, h\nk(); h(); q.g()\n",
        }
    )
    assert found == {("m.py", "p/a.py::f"), ("m.py", "p/c.py::h")}


@pytest.mark.parametrize("folder", ["", "src/", "libs/one/"])
def test_python_layouts(calls, folder):
    found = calls(
        {
            f"{folder}ns/pkg/__init__.py": "",
            f"{folder}ns/pkg/mod.py": "def f(): pass\n",
            "tests/test_mod.py": "import ns.pkg.mod\ndef test(): ns.pkg.mod.f()\n",
        }
    )
    assert found == {("tests/test_mod.py::test", f"{folder}ns/pkg/mod.py::f")}


def test_a_file_in_a_package_is_not_the_library_of_its_name(calls):
    found = calls(
        {
            "p/__init__.py": "",
            "p/json.py": "def loads(x): pass\n",
            "p/yaml.py": "def load(x): pass\n",
            "other/m.py": "import json, yaml\njson.loads(1)\nyaml.load(1)\n",
        }
    )
    assert found == set()


def test_types_lead_to_methods(calls):
    found = calls(
        {
            "c.py": "class B:\n    def base(self): pass\n"
            "class C(B):\n    def run(self) -> 'C': pass\n"
            "    def __enter__(self): return self\n"
            "def make(): return C()\n"
            "def two() -> tuple[int, C]: ...\n",
            "m.py": "from c import C, make, two\n"
            "class H:\n    def __init__(self, c: C): self.c = c; self.d = make()\n"
            "    def a(self): self.c.run().base()\n"
            "    def b(self): self.d.run()\n"
            "def f(x: 'C | None', ys: list[C]):\n    x.run()\n"
            "    for y in ys: y.base()\n"
            "def g():\n    with C() as z: z.run()\n"
            "def h():\n    n, t = two()\n    t.base()\n",
        }
    )
    assert {(s, t) for s, t in found if "::C." in t or "::B." in t} == {
        ("m.py::H.a", "c.py::C.run"),
        ("m.py::H.a", "c.py::B.base"),
        ("m.py::H.b", "c.py::C.run"),
        ("m.py::f", "c.py::C.run"),
        ("m.py::f", "c.py::B.base"),
        ("m.py::g", "c.py::C.run"),
        ("m.py::h", "c.py::B.base"),
    }


def test_super_goes_to_the_base(calls):
    found = calls(
        {
            "a.py": "class A:\n    def f(self): pass\n"
            "class B(A):\n    def f(self): super().f()\n"
        }
    )
    assert ("a.py::B.f", "a.py::A.f") in found


def test_what_cannot_be_resolved_is_never_linked_to_everything(calls):
    files = {f"m{n}.py": "class C:\n    def act(self): pass\n" for n in range(5)}
    assert calls({**files, "u.py": "def f(x): x.act()\n"}, least=0.0) == set()


def test_a_lone_candidate_is_a_guess_below_certainty(calls):
    files = {"a.py": "class C:\n    def act(self): pass\n", "u.py": "x.y.act()\n"}
    assert calls(files) == set()
    assert calls(files, least=0.3) == {("u.py", "a.py::C.act")}


@pytest.mark.parametrize(
    "source",
    [
        "from a import *\nfrom b import f\nf()\n",
        "class A(B): pass\nclass B(A):\n    def g(self): self.h()\n",
        "x = y\ny = x\nx.f()\n",
        "def f(): return f()\nf().g().h()\n",
        "import a\na.a.a.f()\n",
        "from a import f as f\nf()\n",
    ],
)
def test_circles_end(calls, source):
    assert calls({"a.py": source, "b.py": "from a import *\n"}) is not None


def test_typescript_modules(calls):
    found = calls(
        {
            "tsconfig.json": '{"compilerOptions": {"baseUrl": ".", // base\n'
            '"paths": {"@lib/*": ["packages/lib/src/*"]},}}',
            "packages/core/package.json": '{"name": "@org/core"}',
            "packages/core/src/index.ts": "export * from './impl';\n",
            "packages/core/src/impl.ts": "export default function d() {}\n"
            "export class K { m(): void {} }\n",
            "packages/lib/src/u.ts": "export const u = () => 1;\n",
            "tools.ts": "export function t() {}\n",
            "app/main.tsx": "import { K } from '@org/core';\n"
            "import d from '../packages/core/src/impl.js';\n"
            "import { u as v } from '@lib/u';\nimport * as tools from 'tools';\n"
            "export function main(k: K) { d(); v(); tools.t(); k.m(); }\n",
        }
    )
    assert {target for _, target in found} == {
        "packages/core/src/impl.ts::d",
        "packages/core/src/impl.ts::K.m",
        "packages/lib/src/u.ts::u",
        "tools.ts::t",
    }


def test_go_packages(calls):
    found = calls(
        {
            "go.mod": "module example.com/x\n",
            "a/one.go": "package a\ntype T struct{ N int }\n"
            "func New() *T { return nil }\n",
            "a/two.go": "package a\nfunc (t *T) Do() { helper() }\nfunc helper() {}\n",
            "main.go": 'package main\nimport "example.com/x/a"\n'
            "func main() {\n\tt := a.New()\n\tt.Do()\n}\n",
        }
    )
    assert found == {
        ("a/two.go::T.Do", "a/two.go::helper"),
        ("main.go::main", "a/one.go::New"),
        ("main.go::main", "a/two.go::T.Do"),
    }


def test_rust_crates(calls):
    found = calls(
        {
            "one/Cargo.toml": '[package]\nname = "one-lib"\n',
            "one/src/lib.rs": "pub mod m;\npub use crate::m::S;\n",
            "one/src/m.rs": "pub struct S;\nimpl S { pub fn new() -> S { S }\n"
            "pub fn go(&self) { self.help() } fn help(&self) {} }\n"
            "#[cfg(test)]\nmod tests { use super::*; fn t() { S::new(); } }\n",
            "two/Cargo.toml": '[package]\nname = "two"\n',
            "two/src/main.rs": "use one_lib::S;\n"
            "fn main() { let s = S::new(); s.go(); }\n",
        }
    )
    assert found == {
        ("one/src/m.rs::S.go", "one/src/m.rs::S.help"),
        ("one/src/m.rs::tests.t", "one/src/m.rs::S.new"),
        ("two/src/main.rs::main", "one/src/m.rs::S.new"),
        ("two/src/main.rs::main", "one/src/m.rs::S.go"),
    }


def test_rust_dependencies_under_another_name(calls):
    found = calls(
        {
            "one/Cargo.toml": '[package]\nname = "one-lib"\n',
            "one/src/lib.rs": "pub fn go() {}\n",
            "two/Cargo.toml": '[package]\nname = "two"\n[target.x.dependencies]\n'
            'my-one = { package = "one-lib", path = "../one" }\n',
            "two/src/main.rs": "use my_one::go;\nfn main() { go(); }\n",
        }
    )
    assert found == {("two/src/main.rs::main", "one/src/lib.rs::go")}


def test_rust_paths_without_an_import(calls):
    found = calls(
        {
            "one/Cargo.toml": '[package]\nname = "one"\n',
            "one/src/lib.rs": "pub extern crate two as other;\nmod m;\n"
            "pub fn top() {}\nmod tests { fn t() { super::top(); } }\n",
            "one/src/m.rs": "fn f() { crate::top(); super::top();\n"
            "let b = two::B::default(); b.clone().unwrap().go(); }\n",
            "two/Cargo.toml": '[package]\nname = "two"\n',
            "two/src/lib.rs": "#[derive(Default, Clone)]\npub struct B;\n"
            "impl B { pub fn go(&self) {} }\n",
            "three/Cargo.toml": '[package]\nname = "three"\n',
            "three/src/main.rs": "fn main() { one::other::B::default().go(); }\n",
        }
    )
    assert found == {
        ("one/src/lib.rs::tests.t", "one/src/lib.rs::top"),
        ("one/src/m.rs::f", "one/src/lib.rs::top"),
        ("one/src/m.rs::f", "two/src/lib.rs::B.go"),
        ("three/src/main.rs::main", "two/src/lib.rs::B.go"),
    }


def test_java_packages(calls):
    found = calls(
        {
            "src/main/java/o/a/A.java": "package o.a;\npublic class A {\n"
            "  public static A make() { return null; }\n  public void go() { aid(); }\n"
            "  private void aid() {}\n}\n",
            "src/main/java/o/b/B.java": "package o.b;\nimport o.a.A;\nclass B {\n"
            "  private A held;\n"
            "  void f() { A a = A.make(); a.go(); }\n  void g() { held.go(); }\n}\n",
        }
    )
    a, b = "src/main/java/o/a/A.java::A", "src/main/java/o/b/B.java::B"
    assert found == {
        (f"{a}.go", f"{a}.aid"),
        (f"{b}.f", f"{a}.make"),
        (f"{b}.f", f"{a}.go"),
        (f"{b}.g", f"{a}.go"),
    }


def test_c_names_are_global(calls):
    found = calls(
        {
            "lib/util.c": '#include "util.h"\nint util(void) { return 1; }\n',
            "lib/util.h": "#define TWICE(x) ((x) * 2)\nint util(void);\n",
            "main.c": '#include "lib/util.h"\nint main(void) { TWICE(1);'
            " return util(); }\n",
        },
        least=0.9,
    )
    assert found == {
        ("main.c::main", "lib/util.c::util"),
        ("main.c::main", "lib/util.h::TWICE"),
    }


def test_kinds_of_edges(tmp_path):
    (tmp_path / "a.py").write_text(
        "class B: pass\nclass C(B):\n    x: 'D'\nclass D: pass\n"
    )
    (tmp_path / "test_a.py").write_text("from a import C\ndef test_c(): C()\n")
    assert edges(tmp_path, EdgeKind.INHERITS) == {("a.py::C", "a.py::B")}
    assert ("a.py::C", "a.py::D") in edges(tmp_path, EdgeKind.REFERENCES)
    assert ("a.py", "a.py::C") in edges(tmp_path, EdgeKind.CONTAINS)
    assert edges(tmp_path, EdgeKind.IMPORTS) == {("test_a.py", "a.py")}
    assert edges(tmp_path, EdgeKind.TESTS) == {
        ("test_a.py", "a.py"),
        ("test_a.py", "a.py::C"),
        ("test_a.py::test_c", "a.py::C"),
    }


def test_methods_that_give_their_receiver(calls):
    found = calls(
        {
            "c.py": "import typing\nT = typing.TypeVar('T', bound='A')\n"
            "class A:\n"
            "    def __enter__(self: T) -> T: return self\n"
            "    def chain(self: 'T') -> 'T': return self\n"
            "    def get(self): pass\n"
            "class B(A):\n    def own(self): pass\n"
            "class C:\n"
            "    async def __aenter__(self) -> typing.Self: return self\n"
            "    @classmethod\n    def make(cls: type[T]) -> T: return cls()\n"
            "    def plain(self): return self\n"
            "class D(C):\n    def own(self): pass\n",
            "m.py": "import c\nfrom c import A, B, D\n"
            "def one():\n    with c.A() as x: x.get()\n"
            "def two():\n    with B() as x: x.own()\n"
            "def three(): B().chain().own()\n"
            "async def four():\n    async with D() as x: x.own()\n"
            "def five():\n    x = D.make()\n    x.plain().own()\n",
        }
    )
    members = {(s, t.partition("::")[2]) for s, t in found if t.count(".") > 1}
    assert members == {
        ("m.py::one", "A.get"),
        ("m.py::two", "B.own"),
        ("m.py::three", "A.chain"),
        ("m.py::three", "B.own"),
        ("m.py::four", "D.own"),
        ("m.py::five", "C.make"),
        ("m.py::five", "C.plain"),
        ("m.py::five", "D.own"),
    }
