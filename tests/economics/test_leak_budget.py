"""A leaked hard turn is dearer the more there have been."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, strategies as st

from openhands_tiered_router.core.policy import Policy
from openhands_tiered_router.core.session import SessionState
from openhands_tiered_router.core.tally import Tally
from openhands_tiered_router.economics.leak_budget import leak_price
from openhands_tiered_router.tiers import Prices, Tier


PRICES = Prices(input=5e-6, output=25e-6, cache_read=0.5e-6, cache_write=6.25e-6)


def price(weak: int, strong: int, policy: Policy | None = None) -> float:
    tally = Tally(hard_served=(weak, 0, strong, 0))
    session = replace(SessionState(), tally=tally)
    return leak_price(policy or Policy(), session, Tier.COMPLEX, PRICES)


@given(weak=st.integers(0, 200), strong=st.integers(0, 200))
def test_each_leak_makes_the_next_dearer(weak: int, strong: int) -> None:
    assert price(weak + 1, strong) > price(weak, strong) or weak > 60


@given(weak=st.integers(0, 200), strong=st.integers(0, 200))
def test_each_hard_turn_served_well_makes_it_cheaper_or_equal(
    weak: int, strong: int
) -> None:
    assert price(weak, strong + 1) <= price(weak, strong)


def test_economy_makes_leaks_cheaper() -> None:
    prices = [price(5, 20, Policy(economy=e)) for e in (0.0, 0.5, 1.0)]
    assert prices == sorted(prices, reverse=True)
    assert prices[0] > prices[2]
