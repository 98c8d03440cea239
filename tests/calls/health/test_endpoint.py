from __future__ import annotations

from hypothesis import given, settings, strategies as st

from openhands_tiered_router.calls.health.endpoint import (
    ENOUGH,
    SAMPLES,
    SHARE,
    EndpointHealth,
    Latency,
)
from openhands_tiered_router.calls.health.limiter import Ticket
from openhands_tiered_router.policy.fleet import Health
from openhands_tiered_router.policy.outcome import ErrorKind
from openhands_tiered_router.tiers import Limits


def test_the_worst_that_can_be_said_is_said() -> None:
    known = EndpointHealth.of("m", Limits(rpm=1))
    assert known.health(0, 2.0) is Health.HEALTHY
    known.limiter.take(Ticket(1), 0)
    assert known.health(1, 2.0) is Health.BUSY
    known.breaker.failed(ErrorKind.OVERLOADED, 1)
    assert known.health(2, 2.0) is Health.SUSPECT
    known.breaker.failed(ErrorKind.OVERLOADED, 2)
    assert known.health(3, 2.0) is Health.OPEN


def test_a_wait_that_is_short_enough_does_not_matter() -> None:
    known = EndpointHealth.of("m", Limits(rpm=1))
    known.limiter.take(Ticket(1), 0)
    assert known.health(62, 2.0) is Health.BUSY
    assert known.health(63.5, 2.0) is Health.HEALTHY


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
