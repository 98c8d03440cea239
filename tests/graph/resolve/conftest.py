"""A crate of Rust whose calls are resolved."""

import pytest

from openhands_tiered_router.graph.build import build_graph
from openhands_tiered_router.graph.model import EdgeKind


TYPES = """
pub struct A { pub b: B, list: Vec<B>, pub go: B }
pub struct B;
pub struct Pair(pub A, pub B);
pub struct Failed;
pub enum Kind { One(A), Two { b: B }, None }
impl A {
    pub fn new() -> Self { A { b: B, list: vec![], go: B } }
    pub fn with(&mut self) -> &mut Self { self }
    pub fn maybe(&self) -> Option<B> { None }
    pub fn tried(&self) -> Result<B, Failed> { Ok(B) }
    pub fn both(&self) -> Option<(A, B)> { None }
    pub fn go(&self) -> A { A::new() }
    pub fn all(&self) -> Vec<B> { vec![] }
    pub fn len(&self) -> usize { 0 }
    pub fn done(&self) {}
}
impl B {
    pub fn done(&self) {}
    pub fn len(&self) -> usize { 0 }
}
"""


@pytest.fixture
def calls(tmp_path):
    """Return the calls that leave the function ``f`` of a crate, by callee."""

    def linked(text, *, least=0.95, **more):
        source = tmp_path / "src"
        source.mkdir(exist_ok=True)
        (tmp_path / "Cargo.toml").write_text('[package]\nname = "one"\n')
        for name, content in {"t": TYPES, **more}.items():
            (source / f"{name}.rs").write_text(content)
        declared = "".join(f"mod {name};\n" for name in ("t", *more))
        (source / "lib.rs").write_text(f"{declared}use crate::t::*;\n{text}")
        graph = build_graph(tmp_path, persistent=False, workers=0)
        return {
            edge.target.removeprefix("src/").replace("t.rs::", "")
            for edge in graph.edges_from("src/lib.rs")
            if edge.kinds & EdgeKind.CALLS
            and edge.confidence >= least
            and edge.source.rpartition(".")[2] in ("rs::f", "f")
        }

    return linked
