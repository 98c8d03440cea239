"""What `cfg` chooses, and what a default is made for, in Rust."""

import pytest


@pytest.mark.parametrize("used", ["self::own::C", "crate::u::own::C"])
def test_a_chosen_module_is_known_by_the_name_that_all_branches_give_it(calls, used):
    other = f"""cfg_if! {{
        if #[cfg(a)] {{ #[path = "one.rs"] mod x; use crate::one as own; }}
        else {{ use crate::two as own; }}
    }}
    pub use {used};"""
    one = "pub struct C; impl C { pub fn new() -> C { C } pub fn go(&self) {} }"
    found = calls("use u::C; fn f() { C::new().go(); }", u=other, one=one, two=one)
    assert found == {"one.rs::C.new", "one.rs::C.go"}


DEFAULTS = """use crate::t::B;
pub struct C { b: B, pub n: u8, list: Vec<B> }
pub struct D<X> { c: C, more: X }
impl Default for B { fn default() -> B { B } }
impl Default for C { fn default() -> C { todo!() } }
"""


@pytest.mark.parametrize(
    ("body", "callees"),
    [
        ("let d = D { c: Default::default(), more: 1 };", {"C.default"}),
        ("let d = u::D { more: 1, c: core::default::Default::default() };",
         {"C.default"}),
        ("let c: C = Default::default();", {"C.default"}),
        ("let d: D<C> = D { c: C { b: Default::default(), n: 1 }, more: 2 };",
         {"B.default"}),
        # what these are made of has no method here
        ("let c = C { n: Default::default(), list: Default::default() };", set()),
        ("let d: D<C> = Default::default();", set()),
        ("let d = D { more: Default::default() };", set()),
        ("let c: Vec<C> = Default::default();", set()),
        ("let c = Default::default();", set()),
    ],
)  # fmt: skip
def test_a_default_is_of_the_type_that_it_is_for(calls, body, callees):
    found = calls(f"use crate::u::{{self, C, D}}; fn f() {{ {body} }}", u=DEFAULTS)
    found = {callee for callee in found if callee.endswith("default")}
    assert found == {f"u.rs::{name}" for name in callees}


def test_a_default_of_an_own_field(calls):
    text = """pub struct E { c: C } impl E { fn f() -> Self {
        Self { c: Default::default() } } }"""
    assert calls(f"use crate::u::C; {text}", u=DEFAULTS) == {"u.rs::C.default"}
