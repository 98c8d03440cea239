"""The books: exact, safe to write twice, and never beyond the limit."""

from __future__ import annotations

from hypothesis import given, strategies as st

from openhands_tiered_router.calls.state.store import Value
from openhands_tiered_router.guards.budget import ledger
from openhands_tiered_router.guards.budget.ledger import Entry, exceeded
from openhands_tiered_router.guards.budget.limits import NANO, Budget, Spend, nano


amounts = st.builds(
    Spend,
    usd=st.integers(0, 10**12),
    tokens=st.integers(0, 10**7),
    turns=st.integers(0, 1),
)
calls = st.lists(st.tuples(amounts, amounts, st.booleans()), max_size=20)


def entry(number: int, expected: Spend) -> Entry:
    return Entry(id=str(number), owner="h/1", label="simple turn", expected=expected)


@given(calls, st.integers(1, 10**12))
def test_what_is_committed_never_passes_the_limit_when_granted(all_, limit) -> None:
    value: Value | None = None
    for number, (expected, actual, settled) in enumerate(all_):
        change = ledger.reserve(entry(number, expected), ((0, limit),))
        before = ledger.balance(value)
        value, refusal = change(value)
        fits = before.committed.usd < limit >= before.committed.usd + expected.usd
        assert (refusal is None) == fits
        if fits and settled:
            value, _ = ledger.settle(str(number), actual, label="x")(value)


@given(calls)
def test_every_change_may_be_made_twice(all_) -> None:
    once: Value | None = None
    twice: Value | None = None
    for number, (expected, actual, settled) in enumerate(all_):
        change = ledger.reserve(entry(number, expected), ())
        once = change(once)[0]
        twice = change(change(twice)[0])[0]
        if settled:
            done = ledger.settle(str(number), actual, label="x", doubt=1)
            once = done(once)[0]
            twice = done(change(done(twice)[0])[0])[0]
    assert once == twice
    books = ledger.balance(once)
    settled_usd = [actual.usd for _, actual, settled in all_ if settled]
    open_usd = [expected.usd for expected, _, settled in all_ if not settled]
    assert books.spent.usd == sum(settled_usd) == sum(books.parts.values())
    assert books.open.usd == sum(open_usd)
    assert books.doubt == len(settled_usd)


def test_a_late_reservation_of_a_settled_call_reserves_nothing() -> None:
    """A cancelled call is settled while its reservation may still be under way."""
    value, _ = ledger.settle("1", Spend(), label="x")(None)
    value, refusal = ledger.reserve(entry(1, Spend(usd=5)), ((0, 9),))(value)
    assert refusal is None
    assert ledger.balance(value).open.usd == 0


def test_each_measure_is_limited() -> None:
    limits = Budget(name="b", usd=1.0, tokens=10, turns=3, seconds=2.0).limits
    held = Spend(usd=NANO - 1, tokens=9, turns=2, ms=1999)
    assert exceeded(limits, held, Spend()) is None
    assert [measure for measure, _ in limits] == [0, 1, 2, 3]
    for measure, limit in limits:
        field = Spend._fields[measure]
        one_more = Spend()._replace(**{field: 2})
        assert exceeded(limits, held, one_more) == measure
        used_up = held._replace(**{field: limit})
        assert exceeded(limits, used_up, Spend()) == measure


@given(st.floats(0, 1e6))
def test_money_is_rounded_up_to_whole_nano_usd(usd: float) -> None:
    assert nano(usd) >= usd * NANO - 1e-3
    assert nano(usd) - usd * NANO < 1 + 1e-3


def test_parts_do_not_grow_without_end() -> None:
    value: Value | None = None
    for number in range(1000):
        settled = ledger.settle(str(number), Spend(usd=1), label=f"part {number}")
        value, _ = settled(value)
    books = ledger.balance(value)
    assert len(books.parts) == ledger.MAX_PARTS + 1
    assert books.parts["other"] == 1000 - ledger.MAX_PARTS
    assert value is not None
    assert len(value["done"]) == ledger.REMEMBERED
