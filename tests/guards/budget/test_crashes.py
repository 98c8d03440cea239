"""Killed at any point and run again, spending is neither lost nor counted twice."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from openhands_tiered_router.calls.state.redis import RedisStore
from openhands_tiered_router.calls.state.sqlite import SqliteStore
from openhands_tiered_router.guards.budget import ledger
from openhands_tiered_router.guards.budget.ledger import is_gone
from openhands_tiered_router.guards.budget.limits import Budget, Scope
from tests.calls.state.conftest import RedisServer, redis_server
from tests.guards.budget import simulation
from tests.guards.budget.simulation import ESTIMATE, SPREAD


__all__ = ["redis_server"]

KEYS = ("budget:project:shared", "budget:conversation:own:c")
CALLS = 2
POINTS = CALLS * (2 * 3 + 2 + 2 * 3)
"""Three a change, two budgets reserved and settled, and around the call itself."""


def run(runs: list[dict[str, Any]], at_once: int = 1) -> list[int]:
    """The exit code of each, in processes of their own."""
    program = subprocess.run(
        [sys.executable, simulation.__file__, json.dumps([runs, at_once])],
        capture_output=True,
        text=True,
    )
    assert program.stderr == ""
    return json.loads(program.stdout)


def bill(path: Path) -> dict[str, int]:
    lines = path.read_text().splitlines() if path.exists() else []
    return dict(json.loads(line) for line in lines)


def check(store: SqliteStore, key: str, charged: dict[str, int]) -> None:
    """Each charged call is settled exactly, or open at its estimate; none is both."""
    value = store.read(key)
    assert value is not None
    settled, unsettled = set(value["done"]), set(value["open"])
    assert settled | unsettled >= charged.keys()
    assert not settled & unsettled
    assert len(unsettled) <= 1  # the one that was under way
    books = ledger.balance(value)
    assert books.spent.usd == sum(charged[id] for id in settled)
    assert books.spent.turns == len(settled)
    assert books.open.usd == ESTIMATE * len(unsettled)
    assert all(map(is_gone, books.owners))


def test_every_point_of_a_run(tmp_path: Path) -> None:
    runs = [
        {
            "path": str(tmp_path / f"{n}.sqlite3"),
            "bill": str(tmp_path / f"{n}.bill"),
            "limit": 10**9,
            "calls": CALLS,
            "kill_at": n,
        }
        for n in range(1, POINTS + 2)
    ]
    assert run(runs) == [-signal.SIGKILL] * POINTS + [0]
    again = [
        {**r, "calls": CALLS - len(bill(Path(r["bill"]))), "kill_at": 0} for r in runs
    ]
    assert set(run(again)) == {0}
    for one in runs:
        charged = bill(Path(one["bill"]))
        assert len(charged) == CALLS
        for key in KEYS:
            check(SqliteStore(Path(one["path"])), key, charged)


def shared_by_eight(directory: Path, **place: str) -> dict[str, int]:
    """8 processes x 200 calls on a budget for 400: what was charged."""
    one = {
        **place,
        "bill": str(directory / "bill"),
        "limit": 400 * ESTIMATE,
        "budgets": 1,
        "calls": 200,
    }
    assert run([one] * 8, at_once=8) == [0] * 8
    charged = bill(directory / "bill")
    # Each call in flight may turn out that much dearer than it was expected to be.
    assert sum(charged.values()) <= 400 * ESTIMATE + 8 * SPREAD
    assert sum(charged.values()) >= 400 * ESTIMATE - 8 * (ESTIMATE + SPREAD)
    return charged


def test_eight_processes_share_a_budget_on_sqlite(tmp_path: Path) -> None:
    place = tmp_path / "state.sqlite3"
    charged = shared_by_eight(tmp_path, path=str(place))
    books = ledger.balance(SqliteStore(place).read(KEYS[0]))
    assert books.spent.usd == sum(charged.values())
    assert books.open.usd == 0


@pytest.mark.slow
def test_eight_processes_share_a_budget_on_redis(
    tmp_path: Path, redis_server: RedisServer
) -> None:
    charged = shared_by_eight(tmp_path, url=redis_server.url)
    books = ledger.balance(RedisStore(redis_server.url).read(KEYS[0]))
    assert books.spent.usd == sum(charged.values())
    assert books.open.usd == 0


@pytest.mark.parametrize("scope", Scope)
def test_ledgers_of_different_scopes_are_apart(scope: Scope) -> None:
    budget = Budget(name="b", scope=scope, usd=1.0)
    key = budget.key("c", 86_400.0)
    wanted = {
        Scope.CALL: None,
        Scope.CONVERSATION: "budget:conversation:b:c",
        Scope.DAY: "budget:day:b:1970-01-02",
        Scope.PROJECT: "budget:project:b",
        Scope.USER: "budget:user:b",
    }
    assert key == wanted[scope]
