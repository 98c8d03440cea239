"""What Rust's patterns, closures, paths, traits and macros mean."""

import pytest


@pytest.mark.parametrize(
    ("body", "callees"),
    [
        ("if let Some(x) = a.maybe() { x.done(); }", {"A.maybe", "B.done"}),
        ("let Some(x) = a.maybe() else { return }; x.done();", {"A.maybe", "B.done"}),
        ("while let Ok(x) = a.tried() { x.done(); }", {"A.tried", "B.done"}),
        ("if let Err(e) = a.tried() { e.done(); }", {"A.tried"}),
        ("a.tried()?.done();", {"A.tried", "B.done"}),
        ("let x = a.tried()?; x.done();", {"A.tried", "B.done"}),
        ("if let Some((x, y)) = a.both() { y.done(); }", {"A.both", "B.done"}),
        ("match k { Kind::One(ref x) => x.done(), _ => {} }", {"A.done"}),
        ("match k { Kind::Two { b } => b.done(), _ => {} }", {"B.done"}),
        ("let A { b: x, .. } = a; x.done();", {"B.done"}),
        ("let Pair(_, x) = p; x.done();", {"B.done"}),
        ("p.1.done();", {"B.done"}),
        ("match (a, k) { (x, Kind::None) => x.done(), _ => {} }", {"A.done"}),
        ("let x = match k { Kind::One(y) => y, _ => return }; x.done();", {"A.done"}),
        ("let x = if c { a.go() } else { return }; x.done();", {"A.go", "A.done"}),
        ("let (x, _) = if c { a.both().unwrap() } else { panic() }; x.done();",
         {"A.both", "A.done"}),
        ("let (x, _) = if c { panic() } else { a.both().unwrap() }; x.done();",
         {"A.both", "A.done"}),
        ("for x in a.all() { x.done(); }", {"A.all", "B.done"}),
        ("for (i, x) in a.list.iter().enumerate() { x.done(); }", {"B.done"}),
        ("a.list.iter().map(|x| x.done());", {"B.done"}),
        ("a.maybe().map_or(0, |x| x.len());", {"A.maybe", "B.len"}),
        ("let x: Box<B> = b(); x.done();", {"B.done"}),
        ("A::new().with().with().with().with().with().with().with().done();",
         {"A.new", "A.with", "A.done"}),
        # a container has none of its elements' members
        ("a.list.len(); a.maybe().len();", {"A.maybe"}),
        ("a.list[0].len();", {"B.len"}),
        # a field and a method may share a name
        ("a.go.done(); a.go().len();", {"A.go", "B.done", "A.len"}),
    ],
)  # fmt: skip
def test_patterns_and_values(calls, body, callees):
    head = "fn f(a: &A, k: Kind, p: Pair, c: bool) -> Result<(), Failed>"
    assert calls(f"{head} {{ {body} }}") == callees


def test_each_binding_of_a_name_holds_in_its_own_block(calls):
    body = """fn f(x: &A, k: Kind) {
        match k { Kind::One(x) => x.go(), Kind::Two { b: x } => x.done(), _ => {} }
        { let x = B; x.len(); }
        x.maybe();
    }"""
    assert calls(body) == {"A.go", "B.done", "B.len", "A.maybe"}


def test_a_value_is_read_before_the_name_that_it_is_bound_to(calls):
    assert calls("fn f(x: &A) { let x = x.maybe().unwrap(); x.done(); }") == {
        "A.maybe",
        "B.done",
    }


def test_a_path_is_never_a_variable(calls):
    assert calls(
        "fn f(m: B) { m::new(); m.done(); }", m="pub fn new() {}\n"
    ) == {"m.rs::new", "B.done"}  # fmt: skip


@pytest.mark.parametrize(
    "head", ["fn f<T: Go>(x: T)", "fn f<T>(x: &T) where T: Go", "fn f(x: impl Go)",
             "fn f(x: &dyn Go)", "fn f(x: Box<dyn Go + Send>)"],
)  # fmt: skip
def test_type_parameters_have_the_members_of_their_bound(calls, head):
    trait = "trait Go { fn go(&self); }\n"
    assert calls(f"{trait}{head} {{ x.go(); }}") == {"lib.rs::Go.go"}


def test_fields_are_bound_where_the_impl_block_says_so(calls):
    text = """trait Go { fn go(&self); }
    struct W<T> { t: T }
    impl<T: Go> W<T> { fn f(&self) { self.t.go(); } }"""
    assert calls(text) == {"lib.rs::Go.go"}


def test_iterators_give_their_item(calls):
    text = """struct I; impl Iterator for I { type Item = B;
        fn next(&mut self) -> Option<B> { None } }
    fn all() -> I { I }
    fn f() { for x in all() { x.done(); } }"""
    assert calls(text) == {"lib.rs::all", "B.done"}


def test_aliases_have_the_members_of_what_they_stand_for(calls):
    text = "type Other = A;\nfn f(x: &Other) { x.go().done(); }"
    assert calls(text) == {"A.go", "A.done"}


def test_traits_in_sight_add_methods_to_other_types(calls):
    trait = (
        "pub trait Twice { fn twice(&self); }\nimpl Twice for u8 { fn twice(&self) {} }"
    )
    used = "use crate::m::Twice;\nfn f(x: u8) { x.twice(); }"
    assert calls(used, m=trait) == {"m.rs::u8.twice"}
    unknown = used.replace("x: u8", "x: Foreign")
    assert calls(unknown, m=trait) == set()
    assert calls(unknown, least=0.9, m=trait) == {"m.rs::u8.twice"}
    assert calls("fn f(x: u8) { x.twice(); }", least=0.9, m=trait) == set()


def test_macros_are_in_sight_by_scope(calls):
    text = """macro_rules! outer { () => {} }
    fn f() { outer!(); assert_eq!(1, 1); shown!(); }
    fn outer() {}
    #[cfg(test)] mod tests { macro_rules! assert_eq { () => {} } }"""
    more = "#[macro_export]\nmacro_rules! hidden { () => {} }\n"
    assert calls(text, m=more) == {"lib.rs::outer"}
    inside = """mod tests { macro_rules! assert_eq { () => {} }
        fn f() { assert_eq!(1, 1); } }"""
    assert calls(inside) == {"lib.rs::tests.assert_eq"}


def test_a_function_that_never_returns_is_no_macro(calls):
    text = "use crate::m::stop;\nfn f() { stop(); }"
    assert calls(text, m="pub fn stop() -> ! { loop {} }\n") == {"m.rs::stop"}


def test_an_impl_block_of_another_files_type_hides_it_not(calls):
    text = """impl From<B> for A { fn from(b: B) -> A { A::new() } }
    fn f(a: A) { A::new(); a.done(); }"""
    assert calls(f"use crate::t::A as A;\n{text}") >= {"A.new", "A.done"}


def test_self_in_such_a_block_has_its_own_methods_and_the_types(calls):
    text = """use crate::t::A;
    trait Go { fn f(&self); fn own(&self); }
    impl Go for A { fn f(&self) { self.done(); self.own(); } fn own(&self) {} }"""
    assert calls(text) == {"A.done", "lib.rs::A.own"}


TRAITS = """
pub trait Base { fn base(&self); }
pub trait Over: Base { type Part: Base; fn part(&self) -> Self::Part; }
pub trait Other { fn other(&self); }
pub struct Held<T> { x: T, y: Option<(u8, B)> }
"""


@pytest.mark.parametrize(
    ("text", "callees"),
    [
        ("fn f<T: Over>(x: T) { x.base(); }", {"Base.base"}),
        ("fn f<T: Over>(x: T) { x.part().base(); }", {"Over.part", "Base.base"}),
        ("fn f<T: Clone + Other>(x: T) { x.other(); }", {"Other.other"}),
        ("fn f<T>(x: T) where T: Clone, T: Other { x.other(); }", {"Other.other"}),
        ("fn f(x: impl Into<B>) { x.into().done(); }", {"B.done"}),
        ("fn f(x: &impl AsRef<B>) { x.as_ref().done(); }", {"B.done"}),
        (
            "impl<S: Other> Held<S> { fn f(&self) { self.x.other(); } }\n"
            "impl<T: Clone> Held<T> { fn g(&self) {} }",
            {"Other.other"},
        ),
        (
            "impl<T> Held<T> { fn f(self) { self.y.unwrap().1.done(); } }",
            {"B.done"},
        ),
        (
            "impl<T> Held<T> {"
            " fn f(self) { if let Some((_, b)) = self.y { b.done(); } } }",
            {"B.done"},
        ),
        ("impl Base for Box<B> { fn f(&self) { (**self).done(); } }", {"B.done"}),
        ("impl<'a> Base for &'a Held<u8> { fn f(&self) { g() } }\nfn g() {}", {"g"}),
    ],
)
def test_traits_give_their_members_to_what_they_bind(calls, text, callees):
    found = {name.removeprefix("lib.rs::") for name in calls(TRAITS + text)}
    assert found == callees


@pytest.mark.parametrize(
    ("body", "callees"),
    [
        ("a.maybe().map(|x| x.done()).unwrap();", {"A.maybe", "B.done"}),
        (
            "let y = a.list.iter().map(|x| A::new()); y.next().unwrap().go();",
            {"A.new", "A.go"},
        ),
        ("let y = c.then(|| B).unwrap(); y.done();", {"B.done"}),
        ("a.maybe().and_then(|x| a.tried()).unwrap().done();", None),
        ("(&mut a.b).done();", {"B.done"}),
        ("let list = [A::new(); 2]; for x in list { x.done(); }", {"A.new", "A.done"}),
        ("for pair in a.list.windows(2) { pair[0].done(); }", {"B.done"}),
        (
            "let it = a.list.iter().enumerate(); it.next().unwrap().1.done();",
            {"B.done"},
        ),
        ("<A>::new(); <A as Clone>::new();", {"A.new"}),
        ("self::g();", {"lib.rs::g"}),
        ("let (x, y) = if c { (a.b, a) } else { return }; y.go();", {"A.go"}),
        ("((a.len() + 1) as u32).done();", {"A.len"}),
        ("let g = g(a); g.done();", {"lib.rs::g", "B.done"}),
    ],
)
def test_expressions_keep_the_type_of_what_they_hold(calls, body, callees):
    text = f"fn f(a: A, c: bool) {{ {body} }}\nfn g(a: A) -> B {{ B }}"
    assert calls(text) == (callees or {"A.maybe", "A.tried", "B.done"})


def test_an_impl_block_in_another_file_gives_members_to_its_type(calls):
    other = (
        "use crate::t::A;\npub trait Twice { fn twice(&self) {} }\n"
        "impl A { pub fn more(&self) { self.done(); } }\nimpl Twice for A {}"
    )
    text = "use crate::m::Twice;\nfn f(a: A) { a.more(); a.twice(); A::more(&a); }"
    assert calls(text, m=other) == {"m.rs::A.more", "m.rs::Twice.twice"}


def test_a_star_takes_from_modules_inside_of_files(calls):
    inner = "pub mod inner { pub struct C; impl C { pub fn new() -> C { C } } }"
    text = "use crate::m::inner::*;\nfn f() { C::new(); }"
    assert calls(text, m=inner) == {"m.rs::inner.C.new"}
    used = "mod one { pub use crate::m::inner::C; }\nfn f() { one::C::new(); }"
    assert calls(used, m=inner) == {"m.rs::inner.C.new"}


def test_imported_variants_bind_what_they_hold(calls):
    body = "match k { One(x) => x.done(), _ => {} }"
    text = f"use crate::t::Kind::*;\nfn f(k: Kind) {{ {body} }}"
    assert calls(text) == {"A.done"}


@pytest.mark.parametrize(
    "declared",
    [
        "fn g<F>(a: A, go: F) where F: Fn(A, B) -> u8 {}",
        "fn g<F: FnOnce(A, B)>(a: A, go: F) {}",
        "fn g(a: A, go: impl FnMut(A, B) + Send) {}",
        "fn g(a: A, go: &mut dyn FnMut(A, B)) {}",
    ],
)
def test_a_function_declares_what_a_closure_is_called_with(calls, declared):
    assert calls(f"{declared}\nfn f(a: A) {{ g(a, |x, y| y.done()); }}") == {
        "lib.rs::g",
        "B.done",
    }


def test_a_method_declares_what_a_closure_is_called_with(calls):
    text = (
        "pub struct C;\nimpl C {"
        " fn map(&self, go: impl Fn(&Self, A)) {} fn me(&self) {} }\n"
        "fn f(c: C) { c.map(|x, y| { x.me(); y.done(); }); }"
    )
    found = {name.removeprefix("lib.rs::") for name in calls(text)}
    assert found == {"C.map", "C.me", "A.done"}


EXTENSIONS = """
pub trait Size { type Item; fn size(&self) -> usize; fn each(&self) -> Self::Item; }
pub trait Turn { fn turn(&self); }
pub trait Ext { fn ext(&self); fn count_ones(&self); }
macro_rules! made { ($($t:ty)*) => { $(impl Ext for $t { fn ext(&self) {} })* } }
made!(u8 u16);
pub trait Find { fn find(&self); fn seek(&self); }
impl Find for [u8] { fn find(&self) {} fn seek(&self) {} }
pub trait Tried { fn tried(self); }
impl<T, E> Tried for Result<T, E> { fn tried(self) {} }
"""


@pytest.mark.parametrize(
    ("text", "callees"),
    [
        # all of the traits that bind a parameter, wherever they are written
        ("fn f<T: Size>(t: T) where T: Turn { t.size(); t.turn(); }",
         {"r.rs::Size.size", "r.rs::Turn.turn"}),
        ("fn f<T>(t: T) where T: for<'a> Turn { t.turn(); }", {"r.rs::Turn.turn"}),
        ("fn f<T: Size>(t: T) where <T as Size>::Item: Turn { t.each().turn(); }",
         {"r.rs::Size.each", "r.rs::Turn.turn"}),
        # a field of a type that the impl block calls otherwise
        ("struct W<X> { x: X } impl<T: Turn> W<T> { fn f(&self) { self.x.turn(); } }",
         {"r.rs::Turn.turn"}),
        # a trait that a macro implements, after the type's own methods
        ("fn f(n: u8) { n.ext(); }", {"r.rs::Ext.ext"}),
        ("fn f(n: u8) { n.count_ones(); }", set()),
        ("impl Turn for u8 { fn turn(&self) {} fn f(&self) { self.ext(); } }",
         {"r.rs::Ext.ext"}),
        # slices have no such method, iterators do
        ("fn f(s: &[u8]) { s.seek(); s.iter().find(); }", {"r.rs::[u8].seek"}),
        ("fn g() -> Result<(), Box<str>> { Ok(()) } fn f() { g().tried(); }",
         {"lib.rs::g", "r.rs::Result.tried"}),
        ("fn f(g: impl Fn(u8) -> A) { g(1).done(); }", {"A.done"}),
        ("fn f<G: FnMut() -> A>(mut g: G) { let a = g(); a.done(); }", {"A.done"}),
        ("fn f(c: Cow<A>) { if let Cow::Owned(a) = c { a.done(); } }", {"A.done"}),
        ("enum K { One(u8), Two } impl K { fn go(&self) {} } fn f() {"
         " let k = K::One(1); k.go(); }", {"lib.rs::K.go"}),
        ("struct N; impl N { const ZERO: Self = N; fn go(&self) {} } fn f() {"
         " let n = N::ZERO; n.go(); }", {"lib.rs::N.go"}),
        ("impl<X: Turn> Turn for Mutex<X> { fn f(&self) { self.0.turn(); } }",
         {"r.rs::Turn.turn"}),
        ("struct D<X>(X); type Own = D<u8>; impl Own { fn made() {} }"
         " fn f() { D::made(); }", {"lib.rs::Own.made"}),
        ("fn f(all: Vec<A>) { let (a, rest) = all.split_first().unwrap();"
         " a.done(); rest[0].done(); }", {"A.done"}),
    ],
)  # fmt: skip
def test_bounds_and_traits_in_sight(calls, text, callees):
    used = "use crate::r::{Ext, Find, Size, Tried, Turn};"
    assert calls(f"{used}\n{text}", r=EXTENSIONS) == callees


@pytest.mark.parametrize("used", ["use crate::t::B;", "use super::*;"])
def test_an_impl_block_inside_of_a_module_gives_members_everywhere(calls, used):
    inner = f"mod inner {{ {used} impl From<u8> for B {{ "
    text = f"""use crate::t::B; {inner} fn from(x: u8) -> B {{ B }} }}
    impl Clone for B {{ fn clone(&self) -> B {{ self.done(); B }} }} }}
    fn f(b: &B) {{ B::from(1).done(); b.clone(); }}
    impl B {{ fn own(&self) {{}} }}"""
    assert calls(text) == {"lib.rs::inner.B.from", "lib.rs::inner.B.clone", "B.done"}


def test_what_an_alias_stands_for_comes_before_traits_of_the_alias(calls):
    other = """use crate::t::B; pub type C = B;
    mod m { use crate::u::C; trait L { fn len(&self); }
        impl L for C { fn len(&self) {} } }"""
    assert calls("use crate::u::C; fn f(c: C) { c.len(); }", u=other) == {"B.len"}


@pytest.mark.parametrize("path", ["u::ONE", "crate::u::ONE", "super::u::ONE"])
def test_a_static_of_another_module_has_its_type(calls, path):
    other = "use crate::t::B; pub static ONE: B = B;"
    inside = f"mod m {{ use crate::u; fn f() {{ {path}.done(); }} }}"
    assert calls(inside, u=other) == {"B.done"}


@pytest.mark.parametrize("path", ["core::fmt::Display", "fmt::Display", "Display"])
def test_a_standard_trait_s_function_is_the_method_of_what_it_is_given(calls, path):
    other = "use crate::t::B; use core::fmt; impl fmt::Display for B { fn fmt(&self, "
    other += "f: &mut fmt::Formatter<'_>) -> fmt::Result { Ok(()) } }"
    body = f"fn f(a: &A, f: &mut Formatter) {{ {path}::fmt(&a.b, f); }}"
    assert calls(body, u=other) == {"u.rs::B.fmt"}


def test_of_two_globs_with_one_name_neither_is_sure(calls):
    other = "#[cfg(a)] pub use crate::v::*; #[cfg(not(a))] pub use crate::w::*;"
    one, two = "pub fn go() {} pub fn own() {}", "pub fn go() {}"
    body = "fn f() { u::go(); u::own(); }"
    assert calls(body, u=other, v=one, w=two) == {"v.rs::own"}


@pytest.mark.parametrize("used", ["u::Go", "u::*", "v::*"])
def test_a_function_has_the_methods_of_traits_for_any_type(calls, used):
    other = """pub trait Go { fn go(&self); fn map(&self) {} }
    impl<F: Fn(u8) -> u8> Go for F { fn go(&self) {} }"""
    text = f"""use crate::{used}; fn one(x: u8) -> u8 {{ x }}
    fn f() {{ one.go(); one.map(); }}"""
    found = calls(text, u=other, v="pub use crate::u::Go;")
    assert found == {"u.rs::F.go", "u.rs::Go.map"}
