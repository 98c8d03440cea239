"""What a budget adds to a call: admit, reserve, settle.

    uv run pytest -n 0 tests/benchmarks/test_budgets.py

On a Redis server too if ``REDIS_URL`` names one. Quotes are part of it: four
endpoints' estimates from a session of 100 turns.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from openhands_tiered_router.calls.state.redis import RedisStore
from openhands_tiered_router.calls.state.sqlite import SqliteStore
from openhands_tiered_router.calls.state.store import MemoryStore, StateStore
from openhands_tiered_router.guards.budget.limits import Budget, Scope, Spend
from openhands_tiered_router.guards.budget.reservation import Account, Caller, Charge
from openhands_tiered_router.policy.request import Purpose
from openhands_tiered_router.policy.session import SessionState, WarmPrefix
from openhands_tiered_router.sdk.spending import quotes
from openhands_tiered_router.tiers import Endpoint, Prices, Tier


BUDGETS = (
    Budget(name="b", usd=1e5, turns=10**8),
    Budget(name="b", scope=Scope.DAY, usd=1e5),
)
PRICES = Prices(input=3e-6, output=15e-6, cache_read=3e-7, cache_write=3.75e-6)
ENDPOINTS = [
    Endpoint(key=str(tier), tier=tier, model="m", prices=PRICES, cache_id=str(tier))
    for tier in Tier
]
STATE = SessionState(
    turns=100,
    warm={
        e.cache_id: WarmPrefix(tokens=30_000, used_at=time.time()) for e in ENDPOINTS
    },
)


def store_of(kind: str, directory: Path) -> StateStore:
    if kind == "memory":
        return MemoryStore()
    if kind == "sqlite":
        return SqliteStore(directory / "state.sqlite3")
    if "REDIS_URL" not in os.environ:
        pytest.skip("REDIS_URL names no server")
    return RedisStore(os.environ["REDIS_URL"])


def one_call(store: StateStore, budgets: tuple[Budget, ...]) -> None:
    caller = Caller(conversation="c", session="c", purpose=Purpose.TURN)
    account = Account(budgets, store, caller)
    account.admit(
        quotes(
            ENDPOINTS,
            STATE,
            prompt=35_000,
            is_turn=True,
            now=time.time(),
            look_back=None,
        )
    )
    account.reserve("complex")
    charge = Charge(Spend(usd=10_500_000, tokens=35_300, turns=1), label="complex turn")
    account.settle(charge)


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("kind", ["memory", "sqlite", "redis"])
def test_one_call(
    benchmark: BenchmarkFixture, tmp_path: Path, kind: str, number: int
) -> None:
    store = store_of(kind, tmp_path)
    for _ in range(200):
        one_call(store, BUDGETS[:number])
    benchmark.pedantic(
        one_call, args=(store, BUDGETS[:number]), rounds=2_000, iterations=1
    )
