"""What is expected to be cached, against the scorer's own bookkeeping."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from openhands_tiered_router.policy.caches import Gaps, WarmPrefix, used


SHORT, HOUR = 300.0, 3600.0
TURNS = st.lists(
    st.tuples(
        st.sampled_from([5.0, 299.0, 300.0, 301.0, 3_000.0, 3_600.0, 3_601.0]),
        st.integers(1, 5_000),
        st.sampled_from([SHORT, HOUR]),
    ),
    max_size=30,
)


def reckoned(turns: list[tuple[float, int, float]]) -> list[int]:
    """Warm tokens before each turn; a second formulation, as two counters."""
    short = hour = 0
    now, last, found = 0.0, float("-inf"), []
    for gap, tokens, ttl in turns:
        now += gap
        warm = short if now - last <= SHORT else hour if now - last <= HOUR else 0
        found.append(min(warm, tokens))
        kept = min(hour, warm, tokens)
        grows = ttl > SHORT and kept == min(warm, tokens)
        short, hour, last = tokens, tokens if grows else kept, now
    return found


@given(TURNS)
def test_a_prefix_lives_as_two_counters_say(
    turns: list[tuple[float, int, float]],
) -> None:
    prefix: WarmPrefix | None = None
    now, found = 0.0, []
    for gap, tokens, ttl in turns:
        now += gap
        found.append(min(prefix.alive(now, SHORT), tokens) if prefix else 0)
        prefix = used(prefix, tokens=tokens, at=now, ttl=ttl, short=SHORT)
        assert 0 <= prefix.long_tokens <= prefix.tokens == tokens
    assert found == reckoned(turns)


@given(TURNS.filter(bool), st.floats(0.0, 4_000.0))
def test_something_is_alive_for_as_long_as_is_left(
    turns: list[tuple[float, int, float]], waited: float
) -> None:
    prefix, now = None, 0.0
    for gap, tokens, ttl in turns:
        now += gap
        prefix = used(prefix, tokens=tokens, at=now, ttl=ttl, short=SHORT)
    assert prefix is not None
    alive = prefix.alive(now + waited, SHORT) > 0
    assert alive == (prefix.left(now + waited, SHORT) >= 0.0)


def test_what_the_provider_read_goes_before_what_was_expected() -> None:
    long = used(None, tokens=1_000, at=0.0, ttl=HOUR, short=SHORT)
    less = used(long, tokens=1_200, at=10.0, ttl=HOUR, short=SHORT, read=400)
    assert (less.tokens, less.long_tokens) == (1_200, 1_200)
    none = used(long, tokens=1_200, at=10.0, short=SHORT, read=0)
    assert (none.tokens, none.long_tokens) == (1_200, 0)


def test_a_beginning_that_others_cached_does_not_forbid_the_hour() -> None:
    prefix = used(None, tokens=900, at=0.0, ttl=HOUR, short=SHORT, read=500)
    assert prefix.alive(3_600.0, SHORT) == 900


@given(st.lists(st.floats(0.5, 80_000), max_size=30))
def test_gaps_know_their_mean_and_spread(seconds: list[float]) -> None:
    import math
    import statistics

    gaps = Gaps()
    for each in seconds:
        gaps = gaps.after(each)
    logs = [math.log(each) for each in seconds]
    assert gaps.count == len(logs)
    assert gaps.log_sum == pytest.approx(sum(logs))
    expected = statistics.pvariance(logs) * len(logs) if logs else 0.0
    assert gaps.spread == pytest.approx(expected, abs=1e-6)
