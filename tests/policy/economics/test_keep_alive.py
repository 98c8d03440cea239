"""When a prompt is worth sending again so that its cache does not die."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from openhands_tiered_router.policy.economics.keep_alive import (
    MOST,
    due_after,
    worth_pinging,
)
from openhands_tiered_router.policy.economics.lifetime import HOUR, returns_after
from openhands_tiered_router.policy.entry import Entry, ToolCall
from openhands_tiered_router.policy.outcome import Usage
from openhands_tiered_router.policy.session import SessionState
from openhands_tiered_router.tiers import Endpoint, Prices, Tier


PRICES = Prices(input=5e-6, cache_read=0.5e-6, cache_write=6.25e-6, output=25e-6)
ENDPOINT = Endpoint(key="complex", tier=Tier.COMPLEX, model="a/b", prices=PRICES)
NAME = ENDPOINT.cache_id


def conversation(*gaps: float, by_user: bool = False) -> SessionState:
    """One whose requests began so many seconds apart, ``by_user`` after the user's."""
    state, now = SessionState().fold([Entry(role="user", text="Fix it.")]), 0.0
    for i, gap in enumerate((*gaps, None)):
        usage = Usage(prompt=30_000, cache_write=30_000, completion=100)
        state = state.after_call(NAME, usage, now + 1.0, started=now)
        if gap is None:
            break
        calls = (ToolCall(id=str(i), name="terminal", arguments="{}"),)
        state = state.fold([Entry(role="assistant", calls=() if by_user else calls)])
        after = Entry(role="user", text="And?") if by_user else None
        after = after or Entry(role="tool", call_id=str(i), text="done")
        state, now = state.fold([after]), now + gap
    return state


def test_a_user_who_comes_back_in_time_is_waited_for() -> None:
    state = conversation(600.0, 500.0, 700.0, by_user=True)
    assert worth_pinging(state, ENDPOINT, pings=0, asked=True)


def test_nobody_who_never_came_back_is() -> None:
    state = conversation(10.0, 12.0, 9.0)
    assert not worth_pinging(state, ENDPOINT, pings=0, asked=True)


def test_a_quick_conversation_that_falls_silent_is_over() -> None:
    state = conversation(*[10.0, 12.0, 9.0] * 10)
    assert not worth_pinging(state, ENDPOINT, pings=0, asked=False)


def test_a_slow_one_is_waited_for() -> None:
    state = conversation(*[290.0, 350.0, 320.0] * 3)
    sent = [worth_pinging(state, ENDPOINT, pings=n, asked=False) for n in range(MOST)]
    assert sent[0]
    assert sent == sorted(sent, reverse=True)


def test_never_more_than_six() -> None:
    state = conversation(*[2_000.0] * 9, by_user=True)
    assert not worth_pinging(state, ENDPOINT, pings=MOST, asked=True)


@pytest.mark.parametrize(
    "endpoint",
    [
        replace(ENDPOINT, prices=None),
        replace(ENDPOINT, cache_ttl=HOUR),
        replace(ENDPOINT, prices=replace(PRICES, cache_read=6.25e-6)),
    ],
    ids=["no price", "an hour", "reading saves nothing"],
)
def test_where_nothing_can_be_saved_nothing_is_sent(endpoint: Endpoint) -> None:
    state = conversation(600.0, 500.0, 700.0, by_user=True)
    assert not worth_pinging(state, endpoint, pings=0, asked=True)


def test_a_cache_that_was_never_written_is_not_kept() -> None:
    assert not worth_pinging(SessionState(), ENDPOINT, pings=0, asked=False)


def test_a_ping_is_due_half_a_minute_before_five_are_over() -> None:
    assert due_after(ENDPOINT) == pytest.approx(270.0)


def test_a_ping_keeps_the_prefix_and_is_no_gap() -> None:
    state = conversation(100.0)
    kept = state.kept_alive(NAME, 370.0)
    assert kept.warm[NAME].alive(600.0, 300.0) == 30_000
    assert state.warm[NAME].alive(600.0, 300.0) == 0
    usage = Usage(prompt=30_000, cache_read=30_000, completion=1)
    after = kept.kept_alive(NAME, 500.0).after_call(NAME, usage, 701.0, started=700.0)
    plain = state.after_call(NAME, usage, 701.0, started=700.0)
    assert after.gaps == plain.gaps
    assert after.warm[NAME].requested_at == 700.0


def test_keeping_what_is_not_there_changes_nothing() -> None:
    assert SessionState().kept_alive(NAME, 1.0) == SessionState()


@given(
    gaps=st.lists(st.floats(1.0, 5_000.0), max_size=8),
    by_user=st.booleans(),
    asked=st.booleans(),
    first=st.floats(0.0, 10_000.0),
    more=st.floats(0.0, 10_000.0),
)
def test_returns_are_probabilities_that_only_fall(
    gaps: list[float], by_user: bool, asked: bool, first: float, more: float
) -> None:
    state = conversation(*gaps, by_user=by_user)
    soon = returns_after(state, ENDPOINT, first, asked=asked)
    late = returns_after(state, ENDPOINT, first + more, asked=asked)
    assert 0.0 <= late <= soon + 1e-12
    assert soon <= 1.0
