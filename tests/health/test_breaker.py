from __future__ import annotations

import threading

import pytest
from hypothesis import given, strategies as st

from openhands_tiered_router.core.decision import ErrorKind
from openhands_tiered_router.core.fleet import Health
from openhands_tiered_router.health.breaker import Breaker, BreakerSettings, Permit


SETTINGS = BreakerSettings(failures=2, cooldown=30, permanent_cooldown=300)


def test_a_new_breaker_lets_everything_pass() -> None:
    breaker = Breaker(SETTINGS)
    assert breaker.health(0) is Health.HEALTHY
    assert all(breaker.acquire(0) for _ in range(5))


def test_two_failures_in_a_row_open_it() -> None:
    breaker = Breaker(SETTINGS)
    breaker.failed(ErrorKind.OVERLOADED, 0)
    assert breaker.health(0) is Health.SUSPECT
    assert breaker.acquire(0)
    breaker.failed(ErrorKind.OVERLOADED, 1)
    assert breaker.health(1) is Health.OPEN
    assert not breaker.acquire(30.9)


def test_a_success_between_them_forgives() -> None:
    breaker = Breaker(SETTINGS)
    breaker.failed(ErrorKind.OVERLOADED, 0)
    breaker.succeeded(0)
    breaker.failed(ErrorKind.OVERLOADED, 1)
    assert breaker.acquire(1)


@pytest.mark.parametrize("kind", [ErrorKind.CONNECTION, ErrorKind.TIMEOUT])
def test_an_endpoint_that_costs_seconds_is_left_at_once(kind: ErrorKind) -> None:
    breaker = Breaker(SETTINGS)
    breaker.failed(kind, 0)
    assert not breaker.acquire(29)
    assert breaker.acquire(30)


@pytest.mark.parametrize("kind", [ErrorKind.AUTH, ErrorKind.QUOTA, ErrorKind.NOT_FOUND])
def test_what_waiting_does_not_cure_rests_longer(kind: ErrorKind) -> None:
    breaker = Breaker(SETTINGS)
    breaker.failed(kind, 0)
    assert not breaker.acquire(299)
    assert breaker.acquire(300)


@pytest.mark.parametrize(
    "kind", [ErrorKind.BAD_REQUEST, ErrorKind.CONTEXT, ErrorKind.CONTENT_POLICY]
)
def test_a_bad_request_is_not_the_endpoints_fault(kind: ErrorKind) -> None:
    breaker = Breaker(SETTINGS)
    for second in range(10):
        breaker.failed(kind, second)
    assert breaker.health(10) is Health.HEALTHY


def test_retry_after_is_obeyed() -> None:
    breaker = Breaker(SETTINGS)
    breaker.failed(ErrorKind.RATE_LIMIT, 100, retry_after=7)
    assert breaker.retry_at == 107
    assert not breaker.acquire(106.9)
    assert breaker.acquire(107)


def test_one_probe_at_a_time() -> None:
    breaker = Breaker(SETTINGS)
    breaker.failed(ErrorKind.CONNECTION, 0)
    assert breaker.acquire(31)
    assert not breaker.acquire(31)
    assert breaker.health(31) is Health.OPEN
    breaker.failed(ErrorKind.OVERLOADED, 32, permit=Permit.PROBE)
    assert not breaker.acquire(61)
    assert breaker.acquire(62)
    breaker.succeeded(62, permit=Permit.PROBE)
    assert breaker.acquire(62)
    assert breaker.health(62) is Health.HEALTHY


def test_a_cancelled_probe_gives_its_place_back() -> None:
    breaker = Breaker(SETTINGS)
    breaker.failed(ErrorKind.CONNECTION, 0)
    assert breaker.acquire(31)
    breaker.released()
    assert breaker.acquire(31)


def test_threads_share_one_probe() -> None:
    breaker = Breaker(SETTINGS)
    breaker.failed(ErrorKind.CONNECTION, 0)
    got: list[Permit] = []
    barrier = threading.Barrier(16)

    def ask() -> None:
        barrier.wait()
        got.append(breaker.acquire(31))

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got) == [Permit.REFUSED] * 15 + [Permit.PROBE]


KINDS = st.sampled_from([*ErrorKind, None])


@given(st.lists(st.tuples(KINDS, st.floats(0, 60)), max_size=30))
def test_a_breaker_never_stays_shut_for_ever(
    steps: list[tuple[ErrorKind | None, float]],
) -> None:
    """Whatever happened, a probe passes once the longest cooldown is over."""
    breaker, now = Breaker(SETTINGS), 0.0
    for kind, wait in steps:
        now += wait
        permit = breaker.acquire(now)
        if not permit:
            continue
        if kind is None:
            breaker.succeeded(now, permit=permit)
        else:
            breaker.failed(kind, now, permit=permit)
    assert breaker.acquire(now + 300)
