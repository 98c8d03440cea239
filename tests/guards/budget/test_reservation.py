"""One call's way through its budgets: time, doubt, several budgets at once."""

from __future__ import annotations

import pytest

from openhands_tiered_router.calls.state.store import MemoryStore
from openhands_tiered_router.guards.budget import ledger
from openhands_tiered_router.guards.budget.limits import Budget, Scope, Spend
from openhands_tiered_router.guards.budget.registry import registry
from openhands_tiered_router.guards.budget.reservation import (
    Account,
    Caller,
    Charge,
    Quote,
    Refused,
)
from openhands_tiered_router.policy.request import Purpose
from openhands_tiered_router.tiers import Tier


QUOTES = {
    "simple": Quote(Tier.SIMPLE, Spend(usd=10, turns=1), True),
    "complex": Quote(Tier.COMPLEX, Spend(usd=100, turns=1), True),
}


def account(store: MemoryStore, *budgets: Budget, **fields) -> Account:
    now = fields.pop("now", 0.0)
    caller = {"conversation": "c", "session": "c", "purpose": Purpose.TURN, **fields}
    return Account(budgets, store, Caller(**caller), now=now)


def spend(one: Account, usd: int = 10, ms: int = 0) -> None:
    one.admit(QUOTES)
    one.reserve("simple")
    one.settle(Charge(Spend(usd=usd, turns=1, ms=ms), label="simple turn"))


def balance(store: MemoryStore, budget: Budget) -> ledger.Balance:
    key = budget.key("c", 0.0)
    assert key is not None
    return ledger.balance(store.read(key))


def test_time_between_steps_counts_but_for_waits_and_pauses() -> None:
    store, budget = MemoryStore(), Budget(name="b", seconds=100.0)
    spend(account(store, budget), ms=1_000)
    registry().mark("c", 50.0)
    spend(account(store, budget, now=80.0), ms=1_000)
    assert balance(store, budget).spent.ms == 32_000
    registry().mark("c", 100.0)
    spend(account(store, budget, now=9_000.0, new_request=True))
    registry().mark("c", None)
    spend(account(store, budget, now=9_900.0))
    assert balance(store, budget).spent.ms == 32_000
    registry().mark("c", 9_900.0)
    with pytest.raises(Refused, match=r"100 s of 100 s|102 s of 100 s"):
        account(store, budget, now=9_970.0).admit(QUOTES)


def test_a_sub_agents_time_is_its_parents() -> None:
    store, budget = MemoryStore(), Budget(name="b", usd=1.0)
    registry().mark("c", 0.0)
    spend(account(store, budget, session="sub", now=500.0))
    assert balance(store, budget).spent.ms == 0
    spend(account(store, budget, now=600.0))
    assert balance(store, budget).spent.ms == 600_000


def test_a_refusal_by_one_budget_gives_the_others_back() -> None:
    store = MemoryStore()
    wide = Budget(name="wide", scope=Scope.PROJECT, usd=1.0)
    narrow = Budget(name="narrow", turns=1)
    late = account(store, wide, narrow)
    late.admit(QUOTES)
    spend(account(store, narrow))
    with pytest.raises(Refused) as refused:
        late.reserve("simple")
    assert (refused.value.budget, refused.value.measure) == ("narrow", "turns")
    assert balance(store, wide).committed == Spend()


def test_settling_before_a_late_reservation_leaves_nothing_open() -> None:
    store, budget = MemoryStore(), Budget(name="b", usd=1.0)
    cancelled = account(store, budget)
    cancelled.admit(QUOTES)
    cancelled.settle(Charge(Spend()))
    cancelled.reserve("simple")
    assert balance(store, budget).committed == Spend()


def test_the_strongest_tier_that_can_be_paid_is_the_cap() -> None:
    budget = Budget(name="b", usd=60e-9, soft=1.0)
    admission = account(MemoryStore(), budget).admit(QUOTES)
    assert admission.endpoints == {"simple"}
    assert admission.cap is Tier.SIMPLE


def test_the_message_names_what_is_in_doubt() -> None:
    store, budget = MemoryStore(), Budget(name="b", usd=30e-9)
    lost = account(store, budget)
    lost.admit(QUOTES)
    lost.reserve("simple")
    broken = account(store, budget)
    broken.admit(QUOTES)
    broken.reserve("simple")
    broken.settle(Charge(Spend(usd=10), doubt=10, label="simple turn"))
    spend(account(store, budget), usd=10)
    with pytest.raises(Refused) as refused:
        account(store, budget).admit(QUOTES)
    text = str(refused.value)
    assert "$3e-08 of $3e-08 in 1 turn (simple turn $2e-08)" in text
    assert "$1e-08 of it estimated" in text
    assert "1 call under way" in text


def test_raising_a_limit_needs_a_known_name() -> None:
    budgets = [Budget(name="b", usd=1.0)]
    with pytest.raises(ValueError, match="the budgets are b"):
        registry().raise_limits(budgets, "c", {"usd": 2.0})
    with pytest.raises(ValueError, match="write one of usd, tokens, turns, seconds"):
        registry().raise_limits(budgets, "b", {"euro": 2.0})
    registry().raise_limits(budgets, "b", {"usd": 2.0})
    assert registry().current(budgets[0]).usd == 2.0
    day = Budget(name="b", scope=Scope.DAY, turns=1)
    assert registry().current(day).usd is None


def test_a_call_that_lost_its_time_to_another_conversation_is_refused() -> None:
    store, budget = MemoryStore(), Budget(name="b", scope=Scope.USER, seconds=100.0)
    registry().mark("c", 0.0)
    slower = account(store, budget, now=50.0)
    slower.admit(QUOTES)
    spend(account(store, budget, conversation="d", session="d"), ms=60_000)
    with pytest.raises(Refused, match="110 s of 100 s"):
        slower.reserve("simple")
    assert ledger.committed(store.read("budget:user:b")).ms == 60_000
