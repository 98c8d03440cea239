"""Items of Rust that a macro chooses by `cfg`."""

import pytest

from openhands_tiered_router.graph.extract import extract
from openhands_tiered_router.graph.languages import by_name


RUST = by_name()["rust"]
CHOICE = """cfg_if::cfg_if! {
    // a brace in here: {
    if #[cfg(all(unix, feature = "}"))] {
        mod one;
        fn f() { g(); }
    } else if #[cfg(windows)] {
        mod two;
    } else {
        struct S;
    }
}
fn last() {}
"""


def names(text):
    facts = extract("a.rs", text.encode(), RUST)
    assert not facts.has_errors
    return [(d.qualname, d.start_line) for d in facts.definitions]


def test_each_branch_s_items_are_read_where_they_are():
    facts = extract("a.rs", CHOICE.encode(), RUST)
    assert names(CHOICE) == [("f", 5), ("S", 9), ("last", 12)]
    assert [found.alias for found in facts.imports] == ["one", "two"]
    assert [call.name for call in facts.calls] == ["g"]
    assert facts.complexity == 1  # its conditions are no decisions of a program


@pytest.mark.parametrize("around", ["mod m {{ {} }}", "struct T; impl T {{ {} }}"])
def test_in_a_module_or_an_impl_block_too(around):
    inner = "cfg_select! { unix => { fn f() {} } _ => { fn g() {} } }"
    found = {name.rpartition(".")[2] for name, _ in names(around.format(inner))}
    assert {"f", "g"} < found


@pytest.mark.parametrize(
    "text",
    [
        "fn f() -> u8 { cfg_if! { if #[cfg(a)] { 1 } else { 2 } } }",
        "macro_rules! m { () => { cfg_if! { if #[cfg(a)] { mod x; } } } }",
        "cfg_attr! { if { fn g() {} } }",
        'const TEXT: &str = "cfg_if! { if #[cfg(a)] { fn g() {} } }";',
    ],
)
def test_nothing_else_is_opened(text):
    assert {name for name, _ in names(text)} <= {"f", "m"}
