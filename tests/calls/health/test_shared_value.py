"""Breakers and rates that processes share."""

from __future__ import annotations

import logging
import multiprocessing
from pathlib import Path

import pytest

from openhands_tiered_router.calls.health.breaker import BreakerState, Permit
from openhands_tiered_router.calls.health.endpoint import EndpointHealth
from openhands_tiered_router.calls.health.limiter import Counts, Ticket
from openhands_tiered_router.calls.health.shared_value import (
    AtomicValue,
    SharedValue,
    shared_value,
)
from openhands_tiered_router.calls.state.sqlite import SqliteStore
from openhands_tiered_router.calls.state.store import (
    Change,
    MemoryStore,
    StateUnavailable,
    Value,
)
from openhands_tiered_router.policy.fleet import Health
from openhands_tiered_router.policy.outcome import ErrorKind
from openhands_tiered_router.tiers import Limits


NAME = "openai/gpt-4o|http://user:secret@localhost/v1|KEY"


def shared(path: Path, rpm: int | None = None) -> EndpointHealth:
    """As another process would make it."""
    return EndpointHealth.of(NAME, Limits(rpm=rpm), store=SqliteStore(path))


def test_memory_is_not_shared_through_the_store() -> None:
    assert type(shared_value(Counts(), None, "rate", "x")) is AtomicValue
    assert type(shared_value(Counts(), MemoryStore(), "rate", "x")) is AtomicValue


def test_an_open_breaker_is_open_elsewhere_and_closes_elsewhere(tmp_path: Path) -> None:
    here, there = (shared(tmp_path / "s.sqlite3").breaker for _ in range(2))
    assert not here.local
    here.failed(ErrorKind.CONNECTION, 100)
    assert there.acquire(101) is Permit.REFUSED
    assert there.health(101) is Health.OPEN
    assert there.acquire(131) is Permit.PROBE
    assert here.acquire(131) is Permit.REFUSED
    there.succeeded(132, began=131, permit=Permit.PROBE)
    assert here.acquire(132) is Permit.FREE
    assert here.health(132) is Health.HEALTHY


def _open(path: Path) -> int:
    shared(path).breaker.failed(ErrorKind.CONNECTION, 100)
    return 0


def _probe(path: Path) -> int:
    return shared(path).breaker.acquire(131)


def _send(path: Path) -> int:
    limiter = shared(path, rpm=10).limiter
    tickets = [Ticket(1) for _ in range(10)]
    return sum(limiter.take(ticket, 100.0) == 0.0 for ticket in tickets)


def test_processes_share_a_breaker_one_probe_and_a_rate(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite3"
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        pool.apply_async(_open, [path]).get()
        assert shared(path).breaker.acquire(101) is Permit.REFUSED
        permits = pool.map_async(_probe, [path] * 4, chunksize=1).get()
        sent = pool.map_async(_send, [path] * 4, chunksize=1).get()
    assert sorted(permits) == [Permit.REFUSED] * 3 + [Permit.PROBE]
    assert sum(sent) == 10


def test_addresses_do_not_go_into_the_store(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite3"
    shared(path).breaker.failed(ErrorKind.CONNECTION, 100)
    files = tmp_path.glob("s.sqlite3*")
    assert not any(b"secret" in file.read_bytes() for file in files)


class Away(MemoryStore):
    """A store that cannot be reached."""

    local = False

    def apply[T](self, key: str, change: Change[T], *, ttl: float | None = None) -> T:
        raise StateUnavailable(f"no {key.partition(':')[0]} in {ttl}, {change}")

    def read(self, key: str) -> Value | None:
        raise StateUnavailable(f"the store is away, and {key[:7]} with it")


def test_without_the_store_it_goes_on_alone_and_says_so_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    breaker = EndpointHealth.of(NAME, store=Away()).breaker
    with caplog.at_level(logging.WARNING):
        assert breaker.acquire(0) is Permit.FREE
        breaker.failed(ErrorKind.CONNECTION, 1)
        assert breaker.acquire(2) is Permit.REFUSED
        assert breaker.acquire(31) is Permit.PROBE
    assert [record.getMessage() for record in caplog.records] == [
        "the store is away, and breaker with it; going on with this process's own state"
    ]


@pytest.mark.parametrize("stored", [{"failures": "many"}, {"opened_at": "x"}, {"x": 1}])
def test_a_stored_value_that_makes_no_sense_is_as_none(
    stored: dict[str, object], tmp_path: Path
) -> None:
    store = SqliteStore(tmp_path / "s.sqlite3")
    held = SharedValue(BreakerState(), store, "k")
    store.apply("k", lambda _: (stored, None))
    assert held.read() == BreakerState()


@pytest.mark.parametrize(
    "state",
    [
        BreakerState(failures=2, opened_at=1.5, probe_until=None),
        Counts().add(100, 60, 1, 1).add(130, 60, 2, 1),
    ],
)
def test_every_state_comes_back_as_it_was(
    state: BreakerState | Counts, tmp_path: Path
) -> None:
    store, empty = SqliteStore(tmp_path / "s.sqlite3"), type(state)()
    SharedValue(empty, store, "k").change(lambda _: (state, None))
    assert SharedValue(empty, store, "k").read() == state
