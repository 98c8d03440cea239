"""Every language: one sample, and what has to be found in it."""

import pytest

from openhands_tiered_router.graph.extract import extract
from openhands_tiered_router.graph.languages import by_extension, by_name, language_of


# language: (source, definitions, calls as receiver.name, imported modules, bases)
SAMPLES = {
    "python": (
        'import os.path as p\nclass A(B):\n    """Doc."""\n    def f(self):\n'
        "        return self.g(p.join())\n",
        {"A", "A.f"},
        {"self.g", "p.join"},
        {"os.path"},
        {"B"},
    ),
    "javascript": (
        "import {a as b} from './m';\nclass A extends B { f() { this.g(); } }\n"
        "const h = () => b();\nconst z = require('./z');\n",
        {"A", "A.f", "h"},
        {"this.g", "b", "require"},
        {"./m", "./z"},
        {"B"},
    ),
    "typescript": (
        "import type {T} from '@/t';\nexport interface I { f(): T }\n"
        "export class A implements I { f(): T { return g(); } }\n",
        {"I", "I.f", "A", "A.f"},
        {"g"},
        {"@/t"},
        {"I"},
    ),
    "tsx": (
        "import X from './x';\nexport const C = () => <X onClick={() => f()} />;\n",
        {"C"},
        {"X", "f"},
        {"./x"},
        set(),
    ),
    "go": (
        'package p\nimport q "a/b"\ntype T struct{ U }\n'
        "func (t *T) F() { q.G(); t.H() }\n",
        {"T", "T.F"},
        {"q.G", "t.H"},
        {"a/b"},
        {"U"},
    ),
    "rust": (
        "use crate::a::{b, c as d};\nstruct S;\nimpl Tr for S { fn f(&self) { "
        "b::g(); self.h(); } }\n",
        {"S", "S#1", "S.f"},
        {":b.g", "self.h"},
        {"crate::a"},
        {"Tr"},
    ),
    "java": (
        "import a.b.C;\nclass A extends B { void f() { C c = new C(); c.g(); } }\n",
        {"A", "A.f"},
        {"C", "c.g"},
        {"a.b"},
        {"B"},
    ),
    "kotlin": (
        "import a.b.C\nclass A : B() {\n  fun f() { C().g() }\n}\n",
        {"A", "A.f"},
        {"C", "C().g"},
        {"a.b"},
        {"B"},
    ),
    "scala": (
        "import a.b.C\nclass A extends B { def f() = { g(1) } }\n",
        {"A", "A.f"},
        {"g"},
        {"a.b"},
        {"B"},
    ),
    "c": (
        '#include "a/b.h"\nstruct s { int x; };\nint *f(void) { return g(); }\n',
        {"s", "f"},
        {"g"},
        {"a/b.h"},
        set(),
    ),
    "cpp": (
        '#include "a.hpp"\nnamespace n { class A : public B { void f(); }; }\n'
        "void A::f() { b->g(); h(); }\n",
        {"n", "n.A", "A.f"},
        {"b.g", "h"},
        {"a.hpp"},
        {"B"},
    ),
    "objc": (
        '#import "A.h"\n@implementation A\n- (void)f { [self g]; }\n@end\n',
        {"A", "A.f"},
        {"g"},
        {"A.h"},
        set(),
    ),
    "c_sharp": (
        "using A.B;\nclass C : D { void F() { x.G(); new E(); } }\n",
        {"C", "C.F"},
        {"x.G", "E"},
        {"A.B"},
        {"D"},
    ),
    "ruby": (
        "require 'a/b'\nclass A < B\n  def f\n    x.g\n  end\nend\n",
        {"A", "A.f"},
        {"x.g"},
        {"a/b"},
        {"B"},
    ),
    "php": (
        "<?php\nuse A\\B;\nclass C extends D { function f() { $this->g(); h(); } }\n",
        {"C", "C.f"},
        {"$this.g", "h"},
        {"A/B"},
        {"D"},
    ),
    "swift": (
        "import A\nclass B: C {\n  func f() { x.g(); h() }\n}\n",
        {"B", "B.f"},
        {"x.g", "h"},
        {"A"},
        {"C"},
    ),
    "lua": (
        "local m = require('a.b')\nfunction f() m.g() end\n",
        {"f"},
        {"m.g", "require"},
        {"a.b"},
        set(),
    ),
    "bash": ("source ./a.sh\nf() { g; }\n", {"f"}, {"g", "source"}, {"./a.sh"}, set()),
    "elixir": (
        "defmodule A do\n  alias B.C\n  def f(x) do\n    C.g(x)\n  end\nend\n",
        {"A", "A.f"},
        {"C.g"},
        {"B.C"},
        set(),
    ),
    "zig": (
        'const a = @import("a.zig");\nfn f() void { a.g(); }\n',
        {"f"},
        {"a.g"},
        {"a.zig"},
        set(),
    ),
    "haskell": (
        "import A.B\ndata T = T\nf x = g x\n",
        {"T", "f"},
        {"g"},
        {"A.B"},
        set(),
    ),
    "julia": (
        'include("a.jl")\nstruct S <: B\nend\nfunction f(x)\n  g(x)\nend\n',
        {"S", "f"},
        {"g", "include"},
        {"a.jl"},
        {"B"},
    ),
    "dart": (
        "import 'a.dart';\nclass A extends B { void f() { g(); } }\n",
        {"A", "A.f"},
        {"g"},
        {"a.dart"},
        {"B"},
    ),
    "sql": (
        "create table t (id int);\ncreate view v as select f(id) from t;\n",
        {"t", "v"},
        {"f"},
        set(),
        set(),
    ),
    "html": ('<script src="a.js"></script>\n', set(), set(), {"a.js"}, set()),
    "css": ('@import "a.css";\n.b { color: red }\n', {"b"}, set(), {"a.css"}, set()),
}


def test_every_language_has_a_sample():
    assert SAMPLES.keys() == by_name().keys()


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_sample(name):
    source, definitions, calls, modules, bases = SAMPLES[name]
    facts = extract("sample", source.encode(), by_name()[name])
    found_calls = {
        f"{call.receiver}.{call.name}" if call.receiver else call.name
        for call in facts.calls
    }
    assert {d.qualname for d in facts.definitions} == definitions
    assert calls <= found_calls
    assert {i.module for i in facts.imports} == modules
    assert {use.text for use in facts.types if use.is_base} == bases
    assert not facts.has_errors


def test_extensions_belong_to_one_language():
    claimed = [e for language in by_name().values() for e in language.extensions]
    assert sorted(claimed) == sorted(by_extension())


@pytest.mark.parametrize(
    ("path", "name"),
    [("a/b.PY", "python"), ("x.d.ts", "typescript"), ("Makefile", None), (".py", None)],
)
def test_language_of_a_path(path, name):
    found = language_of(path)
    assert (found.name if found else None) == name
