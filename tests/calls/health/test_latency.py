from __future__ import annotations

from hypothesis import given, settings, strategies as st

from openhands_tiered_router.calls.health.latency import (
    ENOUGH,
    SAMPLES,
    SHARE,
    Latency,
)


def known(values: list[float]) -> Latency:
    latency = Latency()
    for value in values:
        latency.took(value, streamed=True)
    return latency


@settings(deadline=None)
@given(st.lists(st.floats(0, 1e6), min_size=ENOUGH, max_size=200))
def test_it_is_the_least_value_that_so_many_do_not_pass(values: list[float]) -> None:
    usual = known(values).usual(streamed=True)
    last = values[-SAMPLES:]
    assert usual in last
    assert sum(v <= usual for v in last) >= SHARE * len(last)
    assert sum(v < usual for v in last) < SHARE * len(last)


def test_few_answers_say_nothing_and_streams_nothing_of_whole_answers() -> None:
    assert known([1.0] * (ENOUGH - 1)).usual(streamed=True) is None
    latency = known([1.0] * ENOUGH)
    assert latency.usual(streamed=True) == 1.0
    assert latency.usual(streamed=False) is None
