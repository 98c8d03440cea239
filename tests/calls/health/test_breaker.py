from __future__ import annotations

import threading

import pytest
from hypothesis import given, settings, strategies as st

from openhands_tiered_router.calls.health.breaker import (
    Breaker,
    Permit,
)
from openhands_tiered_router.calls.settings import BreakerSettings
from openhands_tiered_router.policy.fleet import Health
from openhands_tiered_router.policy.outcome import ErrorKind


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


def test_one_failure_is_forgotten_in_time_so_that_calls_come_back() -> None:
    breaker = Breaker(SETTINGS)
    breaker.failed(ErrorKind.OVERLOADED, 0)
    assert breaker.health(29.9) is Health.SUSPECT
    assert breaker.health(30) is Health.HEALTHY


def test_past_its_cooldown_it_is_ranked_as_well_so_that_it_is_probed() -> None:
    breaker = Breaker(SETTINGS)
    breaker.failed(ErrorKind.CONNECTION, 0)
    assert breaker.health(30) is Health.HEALTHY
    assert breaker.acquire(30) is Permit.PROBE
    assert breaker.health(30) is Health.OPEN


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


@settings(deadline=None)
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


def test_several_good_probes_are_needed_if_so_configured() -> None:
    breaker = Breaker(BreakerSettings(success_threshold=2, cooldown=30))
    breaker.failed(ErrorKind.CONNECTION, 0)
    assert breaker.acquire(30) is Permit.PROBE
    assert not breaker.succeeded(31, began=30, permit=Permit.PROBE)
    assert breaker.acquire(31) is Permit.PROBE
    breaker.failed(ErrorKind.OVERLOADED, 32, permit=Permit.PROBE)
    assert not breaker.acquire(61)
    for now in (62, 63):
        assert breaker.acquire(now) is Permit.PROBE
        closed = breaker.succeeded(now, began=now, permit=Permit.PROBE)
    assert closed
    assert breaker.acquire(63) is Permit.FREE


def test_a_late_answer_to_an_old_call_does_not_close_it() -> None:
    breaker = Breaker(SETTINGS)
    breaker.failed(ErrorKind.CONNECTION, 10)
    assert not breaker.succeeded(11, began=5)
    assert breaker.health(11) is Health.OPEN
    assert breaker.succeeded(13, began=12)


def test_another_calls_failure_does_not_free_the_probe() -> None:
    breaker = Breaker(SETTINGS)
    breaker.failed(ErrorKind.CONNECTION, 0)
    assert breaker.acquire(31) is Permit.PROBE
    breaker.failed(ErrorKind.BAD_REQUEST, 32)
    breaker.failed(ErrorKind.OVERLOADED, 32)
    assert not breaker.acquire(70)


def test_a_probe_whose_process_died_is_given_up() -> None:
    breaker = Breaker(BreakerSettings(cooldown=30), probe_lease=100)
    breaker.failed(ErrorKind.CONNECTION, 0)
    assert breaker.acquire(30) is Permit.PROBE
    assert not breaker.acquire(129)
    assert breaker.acquire(130) is Permit.PROBE


def test_a_provider_that_flaps_gets_probes_and_little_else() -> None:
    """One minute up, one minute down, a call each second for an hour."""
    breaker, wasted, sent = Breaker(SETTINGS), 0, 0
    for now in range(3_600):
        if permit := breaker.acquire(now):
            sent += 1
            if (now // 60) % 2:
                wasted += 1
                breaker.failed(ErrorKind.CONNECTION, now, permit=permit)
            else:
                breaker.succeeded(now, permit=permit)
    assert wasted == 2 * 30
    assert sent - wasted == 30 * 60
