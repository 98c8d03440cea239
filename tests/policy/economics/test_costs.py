"""Calls are priced to the token; a prefix is warm for its lifetime, and only for the
history it was made of."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from openhands_tiered_router.policy.economics.costs import call_cost, warm_tokens
from openhands_tiered_router.policy.entry import Entry
from openhands_tiered_router.policy.outcome import Usage
from openhands_tiered_router.policy.session import SessionState
from openhands_tiered_router.tiers import Endpoint, LongContextPrices, Prices, Tier


PRICES = Prices(input=5e-6, output=25e-6, cache_read=0.5e-6, cache_write=6.25e-6)
TOKENS = st.integers(0, 300_000)
ENDPOINT = Endpoint(
    key="simple", tier=Tier.SIMPLE, model="m", cache_id="c", cache_ttl=300.0
)
SESSION = SessionState().after_call("c", Usage(prompt=1_000), 100.0)


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


@pytest.mark.parametrize(("now", "warm"), [(100, 1_000), (400, 1_000), (400.1, 0)])
def test_prefix_lives_to_the_end_of_its_lifetime(now: float, warm: int) -> None:
    assert warm_tokens(SESSION, ENDPOINT, prompt=2_000, now=now) == warm


def test_no_more_is_warm_than_the_prompt_has() -> None:
    assert warm_tokens(SESSION, ENDPOINT, prompt=700, now=100.0) == 700


def test_endpoint_that_never_answered_is_cold() -> None:
    other = Endpoint(key="complex", tier=Tier.COMPLEX, model="n", cache_id="d")
    assert warm_tokens(SESSION, other, prompt=500, now=100.0) == 0


def test_condensation_makes_every_cache_cold() -> None:
    short = SESSION.condensed(SessionState())
    assert warm_tokens(short, ENDPOINT, prompt=500, now=101.0) == 0


def test_prefix_is_out_of_reach_beyond_the_look_back() -> None:
    later = SESSION.fold([Entry(role="user", text="x")] * 21)
    seen = [
        warm_tokens(later, ENDPOINT, prompt=2_000, now=101.0, look_back=blocks)
        for blocks in (20, 21, None)
    ]
    assert seen == [0, 1_000, 1_000]
