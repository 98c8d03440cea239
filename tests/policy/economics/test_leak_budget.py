"""A leaked hard turn is dearer the more there have been."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from openhands_tiered_router.policy.economics.leak_budget import leak_price
from openhands_tiered_router.policy.policy import Policy
from openhands_tiered_router.policy.session import SessionState
from openhands_tiered_router.policy.tally import Tally
from openhands_tiered_router.tiers import Prices, Tier


STRONG = Prices(input=5e-6, output=25e-6, cache_read=0.5e-6, cache_write=6.25e-6)
WEAK = Prices(input=1e-6, output=5e-6, cache_read=0.1e-6, cache_write=1.25e-6)


def price(weak: int, strong: int, policy: Policy | None = None) -> float:
    tally = Tally(hard_served=(weak, 0, strong, 0))
    session = replace(SessionState(), tally=tally)
    return leak_price(policy or Policy(), session, Tier.COMPLEX, STRONG, WEAK)


@given(weak=st.integers(0, 200), strong=st.integers(0, 200))
def test_each_leak_beyond_the_budget_makes_the_next_dearer(
    weak: int, strong: int
) -> None:
    assert price(weak + 1, strong) >= price(weak, strong)
    if weak >= Policy().leak_budget * (weak + strong + 3):
        assert price(weak + 1, strong) > price(weak, strong)


@given(hard=st.integers(0, 200))
def test_within_the_budget_the_price_is_the_same_for_all_turns(hard: int) -> None:
    assert price(int(hard * 0.25), hard - int(hard * 0.25)) == price(0, 0)


def test_a_leak_must_save_a_multiple_of_what_a_turn_saves() -> None:
    """By hand: 18,000 read, 350 written and 300 answered tokens, 4.0e-6 dearer."""
    saving = 18_000 * 0.4e-6 + 350 * 5e-6 + 300 * 20e-6
    assert price(0, 0) == pytest.approx(Policy().leak_price * saving)


def test_what_saves_nothing_has_no_price() -> None:
    state = SessionState()
    assert leak_price(Policy(), state, Tier.COMPLEX, WEAK, STRONG) == 0.0


@given(weak=st.integers(0, 200), strong=st.integers(0, 200))
def test_each_hard_turn_served_well_makes_it_cheaper_or_equal(
    weak: int, strong: int
) -> None:
    assert price(weak, strong + 1) <= price(weak, strong)


def test_economy_makes_leaks_cheaper() -> None:
    prices = [price(5, 20, Policy(economy=e)) for e in (0.0, 0.5, 1.0)]
    assert prices == sorted(prices, reverse=True)
    assert prices[0] > prices[2]
