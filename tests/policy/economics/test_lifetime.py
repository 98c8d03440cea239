"""An hour is bought where a pause is likely enough, and nowhere else."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from openhands_tiered_router.policy.economics.lifetime import (
    HOUR,
    buys_hour,
    chance_of_pause,
    for_an_hour,
    sells_hour,
)
from openhands_tiered_router.policy.entry import Entry
from openhands_tiered_router.policy.outcome import Usage
from openhands_tiered_router.policy.session import SessionState
from openhands_tiered_router.tiers import Endpoint, LongContextPrices, Prices, Tier


PRICES = Prices(
    input=5e-6,
    output=25e-6,
    cache_read=0.5e-6,
    cache_write=6.25e-6,
    cache_write_1h=1e-5,
)
ENDPOINT = Endpoint(
    key="complex", tier=Tier.COMPLEX, model="m", cache_id="c", prices=PRICES
)
USER = Entry(role="user", text="Do it.")
ANSWER = Entry(role="assistant", text="Done.")


def after(gaps: list[float], *, asked: bool = False) -> tuple[SessionState, float]:
    """A session with those gaps between requests, and the time of the last."""
    state, now = SessionState().fold([USER]), 0.0
    for gap in [0.0, *gaps]:
        now += gap
        state = state.after_call("c", Usage(prompt=9_000), now + 1, started=now)
        state = state.fold([ANSWER, USER] if asked else [ANSWER])
    return state, now


@pytest.mark.parametrize(
    ("gaps", "hour"),
    [([5.0] * 20, False), ([200.0] * 5, True), ([5.0, 9.0] * 8 + [1_500.0] * 4, True)],
)
def test_the_pace_of_the_session_decides(gaps: list[float], hour: bool) -> None:
    state, now = after(gaps)
    cold = replace(state, warm={})
    assert buys_hour(cold, ENDPOINT, now=now + 9) is hour


def test_a_session_that_has_shown_nothing_yet_buys_five_minutes() -> None:
    assert not buys_hour(SessionState().fold([USER]), ENDPOINT, now=0.0)


def test_nothing_is_bought_for_an_hour_behind_what_lives_five_minutes() -> None:
    state, now = after([250.0] * 6)
    assert state.warm["c"].long_tokens == 0
    assert not buys_hour(state, ENDPOINT, now=now + 100)
    assert buys_hour(state, ENDPOINT, now=now + 301)


def test_users_who_come_back_late_are_a_reason() -> None:
    quick, now = after([30.0] * 4, asked=True)
    slow, later = after([900.0] * 4, asked=True)
    chances = [chance_of_pause(state, ENDPOINT) for state in (quick, slow)]
    assert chances[0] < 0.3 < chances[1]


@given(st.lists(st.floats(0.5, 10_000), max_size=20), st.floats(0.5, 3_000))
def test_the_chance_is_one_and_grows_with_pauses(
    gaps: list[float], each: float
) -> None:
    state, _ = after(gaps)
    assert 0.0 <= chance_of_pause(state, ENDPOINT) <= 1.0


def test_no_price_no_hour() -> None:
    state, now = after([600.0] * 5)
    for endpoint in (
        replace(ENDPOINT, prices=None),
        replace(ENDPOINT, prices=replace(PRICES, cache_write_1h=None)),
        replace(ENDPOINT, cache_ttl=HOUR),
    ):
        assert not sells_hour(endpoint)
        assert not buys_hour(state, endpoint, now=now + 601)


def test_an_hour_that_costs_no_more_is_taken() -> None:
    free = replace(PRICES, cache_write_1h=PRICES.cache_write)
    state = SessionState().fold([USER])
    assert buys_hour(state, replace(ENDPOINT, prices=free), now=0.0)


def test_long_prompts_pay_for_the_hour_in_proportion() -> None:
    long = LongContextPrices(
        above=200_000, input=1e-5, output=4e-5, cache_read=1e-6, cache_write=1.25e-5
    )
    endpoint = for_an_hour(replace(ENDPOINT, prices=replace(PRICES, long_context=long)))
    assert endpoint.prices is not None
    assert endpoint.prices.long_context is not None
    assert endpoint.prices.long_context.cache_write == pytest.approx(2e-5)
    assert endpoint.cache_ttl == HOUR


def test_the_pause_that_a_request_ends_counts() -> None:
    state, now = after([30.0] * 8)
    bought = [buys_hour(state, ENDPOINT, now=now + gap) for gap in (30.0, 600.0)]
    assert bought == [False, True]
