"""Calls are priced to the token."""

from __future__ import annotations

from hypothesis import given, strategies as st

from openhands_tiered_router.policy.economics.costs import call_cost
from openhands_tiered_router.tiers import LongContextPrices, Prices


PRICES = Prices(input=5e-6, output=25e-6, cache_read=0.5e-6, cache_write=6.25e-6)
TOKENS = st.integers(0, 300_000)


def test_warm_part_is_read_and_the_rest_written() -> None:
    cost = call_cost(PRICES, prompt=10_000, warm=8_000, output=200)
    assert abs(cost - (8_000 * 0.5 + 2_000 * 6.25 + 200 * 25) * 1e-6) < 1e-12


def test_long_prompts_pay_their_own_prices() -> None:
    long = LongContextPrices(
        above=200_000, input=6e-6, output=22.5e-6, cache_read=6e-7, cache_write=7.5e-6
    )
    prices = Prices(
        input=3e-6,
        output=15e-6,
        cache_read=3e-7,
        cache_write=3.75e-6,
        long_context=long,
    )
    below = call_cost(prices, prompt=200_000, warm=0, output=0)
    above = call_cost(prices, prompt=200_001, warm=0, output=0)
    assert abs(below - 200_000 * 3.75e-6) < 1e-9
    assert abs(above - 200_001 * 7.5e-6) < 1e-9


@given(prompt=TOKENS, warm=TOKENS, more=TOKENS, output=TOKENS)
def test_more_in_the_cache_never_costs_more(
    prompt: int, warm: int, more: int, output: int
) -> None:
    less = call_cost(PRICES, prompt=prompt, warm=warm + more, output=output)
    assert 0 <= less <= call_cost(PRICES, prompt=prompt, warm=warm, output=output)
