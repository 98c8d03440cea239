"""Shared state goes away, processes end, and no spending is lost or counted twice."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from openhands_tiered_router.calls.state.degrading import DegradingStore
from openhands_tiered_router.calls.state.journal import Journal
from openhands_tiered_router.calls.state.redis import RedisStore
from openhands_tiered_router.calls.state.store import (
    MemoryStore,
    StateUnavailable,
    Value,
)
from openhands_tiered_router.guards.budget import ledger
from openhands_tiered_router.guards.budget.limits import Spend
from tests.calls.state.conftest import RedisServer, redis_server
from tests.waiting import wait_until


__all__ = ["redis_server"]

KEY = "budget:project:b"
COST = 100


class Away:
    """Shared state that can be switched off."""

    local = False

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.off = False

    def apply(self, key, change, *, ttl=None):
        self._check()
        return self.store.apply(key, change, ttl=ttl)

    def read(self, key: str) -> Value | None:
        self._check()
        return self.store.read(key)

    def after_fork(self) -> None: ...

    def _check(self) -> None:
        if self.off:
            raise StateUnavailable("away")


def spend(store, number: int) -> None:
    entry = ledger.Entry(str(number), "h/1", "turn", Spend(usd=COST, tokens=1, turns=1))
    store.apply(KEY, ledger.reserve(entry, ((0, 10**12),)))
    store.apply(KEY, ledger.settle(str(number), Spend(usd=COST, turns=1), label="turn"))


def spent(store) -> ledger.Balance:
    return ledger.balance(store.read(KEY))


@pytest.mark.parametrize("calls", [1, 40, 200])
def test_21_spending_outlives_the_process_that_had_no_state(
    tmp_path: Path, calls: int
) -> None:
    shared, path = Away(), tmp_path / "journal.sqlite3"
    shared.off = True
    first = DegradingStore(shared, journal=Journal(path, "x"))
    for number in range(calls):
        spend(first, number)
    del first  # as if killed: nothing is written at its end
    shared.off = False
    elsewhere = DegradingStore(shared, journal=Journal(path, "y"))
    assert spent(elsewhere).spent.usd == 0  # other state's spending is not its own
    later = DegradingStore(shared, journal=Journal(path, "x"))
    assert spent(later).spent == Spend(usd=calls * COST, turns=calls)
    again = DegradingStore(shared, journal=Journal(path, "x"))
    assert spent(again).spent.usd == calls * COST


def test_21_a_call_that_was_under_way_counts_as_expected(tmp_path: Path) -> None:
    shared, path = Away(), tmp_path / "journal.sqlite3"
    shared.off = True
    first = DegradingStore(shared, journal=Journal(path, "x"))
    entry = ledger.Entry("1", "h/1", "turn", Spend(usd=COST, tokens=1, turns=1))
    first.apply(KEY, ledger.reserve(entry, ((0, 10**12),)))
    shared.off = False
    assert spent(DegradingStore(shared, journal=Journal(path, "x"))).open.usd == COST


def test_21_catching_up_counts_nothing_twice(tmp_path: Path) -> None:
    """The process goes on, away and back again, with more calls than a ledger
    remembers."""
    shared, now = Away(), [0.0]
    journal = Journal(tmp_path / "journal.sqlite3", "x")
    store = DegradingStore(shared, journal=journal, clock=lambda: now[0])
    for number in range(450):
        shared.off = number // 150 == 1
        now[0] += 10.0
        spend(store, number)
    assert spent(store).spent == Spend(usd=450 * COST, turns=450)
    assert spent(shared).spent == Spend(usd=450 * COST, turns=450)


def test_21_without_a_journal_it_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    shared = Away()
    shared.off = True
    store = DegradingStore(shared, journal=Journal(tmp_path / "file" / "j", "x"))
    for number in range(3):
        spend(store, number)
    assert spent(store).spent.usd == 3 * COST
    assert caplog.text.count("is lost if this process ends") == 1


SPENDER = """
import os, sys, time
from pathlib import Path
from openhands_tiered_router.calls.state.degrading import DegradingStore
from openhands_tiered_router.calls.state.journal import Journal
from openhands_tiered_router.calls.state.redis import RedisStore
from openhands_tiered_router.guards.budget import ledger
from openhands_tiered_router.guards.budget.limits import Spend
KEY, COST = "budget:project:b", 100
def spend(store, id):
    entry = ledger.Entry(id, "h/1", "turn", Spend(usd=COST, tokens=1, turns=1))
    store.apply(KEY, ledger.reserve(entry, ((0, 10**12),)))
    store.apply(KEY, ledger.settle(id, Spend(usd=COST, turns=1), label="turn"))
url, journal, bill, name = sys.argv[1:]
store = DegradingStore(
    RedisStore(url), journal=Journal(Path(journal), "x"), retry_seconds=0.2
)
with open(bill, "a") as paid:
    for number in range(10_000):
        paid.write(f"{name}-{number}\\n")  # the provider charges before we know of it
        paid.flush()
        spend(store, f"{name}-{number}")
"""


def paid(bill: Path) -> list[str]:
    return bill.read_text().splitlines() if bill.exists() else []


def _answers(url: str) -> bool:
    try:
        return RedisStore(url).read(KEY) is not None
    except StateUnavailable:
        return False


@pytest.mark.slow
def test_redis_and_its_users_are_killed_at_random_moments(
    tmp_path: Path, redis_server: RedisServer
) -> None:
    """Each call that was settled counts once; of each process at most the one call
    that was under way is not known. Redis keeps what it acknowledged."""
    random.seed(21)
    bill, journal = tmp_path / "bill", tmp_path / "journal.sqlite3"
    redis_server.persistent = True
    redis_server.stop()
    redis_server.start()
    rounds, at_once = 8, 3
    for turn in range(rounds):
        names = [f"{turn}.{n}-20" for n in range(at_once)]
        running = [
            subprocess.Popen(
                [sys.executable, "-c", SPENDER, redis_server.url, str(journal)]
                + [str(bill), f"{turn}.{n}"]
            )
            for n in range(at_once)
        ]
        wait_until(lambda names=names: all(name in paid(bill) for name in names))
        time.sleep(random.uniform(0.0, 0.5))
        if turn % 2:
            redis_server.stop()
            time.sleep(random.uniform(0.2, 1.0))
        for process in running:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        if turn % 2:
            redis_server.start()
    wait_until(lambda: _answers(redis_server.url))  # it reads its file first
    later = DegradingStore(RedisStore(redis_server.url), journal=Journal(journal, "x"))
    books = spent(later)
    charged = len(paid(bill))
    known = books.spent.turns + books.open.turns
    print(f"{charged} charged, {books.spent.turns} settled, {known} known")
    assert charged > 100
    assert charged - rounds * at_once <= known <= charged
    assert books.spent.usd == COST * books.spent.turns
