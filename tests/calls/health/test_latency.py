from __future__ import annotations

from hypothesis import given, settings, strategies as st

from openhands_tiered_router.calls.health.latency import (
    ENOUGH,
    SAMPLES,
    SHARE,
    Latency,
    Percentile,
)


@settings(deadline=None)
@given(st.lists(st.floats(0, 1e6), min_size=ENOUGH, max_size=200))
def test_it_is_the_least_value_that_so_many_do_not_pass(values: list[float]) -> None:
    percentile = Percentile()
    for value in values:
        percentile.add(value)
    last = values[-SAMPLES:]
    assert percentile.value in last
    assert sum(v <= percentile.value for v in last) >= SHARE * len(last)
    assert sum(v < percentile.value for v in last) < SHARE * len(last)


def test_few_answers_say_nothing() -> None:
    percentile = Percentile()
    for _ in range(ENOUGH - 1):
        percentile.add(1.0)
    assert percentile.value is None


def test_slow_first_tokens_are_told_and_forgiven_after_a_rest() -> None:
    latency = Latency(max_first_token=2.0, max_token_time=None, rest=300)
    for now in range(ENOUGH):
        latency.streamed(now, 1.0)
    latency.streamed(20, 5.0)
    assert not latency.slow(20)
    latency.streamed(21, 5.0)
    assert latency.slow(320)
    assert not latency.slow(321)
    latency.streamed(322, 5.0)
    assert not latency.slow(322)


def test_a_long_answer_is_not_a_slow_one() -> None:
    latency = Latency(max_first_token=None, max_token_time=0.05, rest=300)
    for now in range(20):
        latency.answered(now, 60.0, 4_000)
        latency.answered(now, 3.0, 10)
    assert not latency.slow(20)
    for now in range(20, 40):
        latency.answered(now, 60.0, 600)
    assert latency.slow(40)


def test_a_call_that_was_cut_counts_as_having_taken_that_long() -> None:
    latency = Latency(None, None, rest=300)
    for now in range(20):
        latency.answered(now, 5.0, 100)
    assert latency.usual(streamed=False) == 5.0
    assert latency.usual(streamed=True) is None
    for _ in range(2):
        latency.cut(30.0, streamed=False)
    assert latency.usual(streamed=False) == 30.0
