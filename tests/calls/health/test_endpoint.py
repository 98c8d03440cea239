from __future__ import annotations

from openhands_tiered_router.calls.health.endpoint import EndpointHealth
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
