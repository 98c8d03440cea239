"""Calls of a provider that writes down what it charges, under real budgets.

Run as a program it is one process of many; it can kill itself at any point.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import batched
from pathlib import Path
from typing import Any

from openhands_tiered_router.calls.state.redis import RedisStore
from openhands_tiered_router.calls.state.sqlite import SqliteStore
from openhands_tiered_router.calls.state.store import Change, StateStore, Value
from openhands_tiered_router.guards.budget.limits import Budget, Scope, Spend
from openhands_tiered_router.guards.budget.reservation import (
    Account,
    Caller,
    Charge,
    Quote,
    Refused,
)
from openhands_tiered_router.policy.request import Purpose
from openhands_tiered_router.tiers import Tier


ESTIMATE = 1_000
"""What each call is expected to cost, nano-USD."""
SPREAD = 300
"""By how much it may turn out more or less."""


@dataclass
class KillingStore:
    """Ends the process with SIGKILL at the ``kill_at``-th point, if there is one.

    Points are: before a change, in the middle of its transaction, and after it.
    """

    store: StateStore
    kill_at: int
    points: int = 0
    local: bool = field(init=False)

    def __post_init__(self) -> None:
        self.local = self.store.local

    def point(self) -> None:
        self.points += 1
        if self.points == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def apply[T](self, key: str, change: Change[T], *, ttl: float | None = None) -> T:
        def inside(value: Value | None) -> tuple[Value | None, T]:
            after = change(value)
            self.point()
            return after

        self.point()
        result = self.store.apply(key, inside, ttl=ttl)
        self.point()
        return result

    def read(self, key: str) -> Value | None:
        return self.store.read(key)

    def after_fork(self) -> None:
        self.store.after_fork()


@dataclass
class Provider:
    """Charges each call a little less or more than was estimated, and notes it."""

    bill: Path

    def call(self, id: str) -> int:
        usd = ESTIMATE + int.from_bytes(id.encode()) % (2 * SPREAD + 1) - SPREAD
        with self.bill.open("a") as file:
            file.write(json.dumps([id, usd]) + "\n")
        return usd


def one_call(
    store: StateStore, provider: Provider, budgets: tuple[Budget, ...], point: Callable
) -> None:
    """As ``sdk/flow.py`` does it.

    Raises:
        Refused: The budgets are used up.
    """
    caller = Caller(conversation="c", session="c", purpose=Purpose.TURN)
    account = Account(budgets, store, caller)
    account.admit({"simple": Quote(Tier.SIMPLE, Spend(usd=ESTIMATE, turns=1), True)})
    account.reserve("simple")
    point()
    usd = provider.call(account.id)
    point()
    account.settle(Charge(Spend(usd=usd, turns=1), label="simple turn"))


def work(arguments: dict[str, Any]) -> None:
    url = arguments.get("url")
    place = RedisStore(url) if url else SqliteStore(Path(arguments["path"]))
    store = KillingStore(place, arguments.get("kill_at", 0))
    provider = Provider(Path(arguments["bill"]))
    limit = arguments["limit"] / 1e9
    budgets = (
        Budget(name="shared", scope=Scope.PROJECT, usd=limit),
        Budget(name="own", scope=Scope.CONVERSATION, usd=limit),
    )[: arguments.get("budgets", 2)]
    for _ in range(arguments["calls"]):
        try:
            one_call(store, provider, budgets, store.point)
        except Refused:
            break


def started(arguments: dict[str, Any]) -> int:
    """The id of a process of its own that does the work."""
    child = os.fork()
    if child:
        return child
    try:
        work(arguments)
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def main(runs: list[dict[str, Any]], at_once: int) -> None:
    """Prints the exit code of each run; minus the signal if it was killed."""
    if any("url" in arguments for arguments in runs):
        import redis  # noqa: F401  (a second or two: once, not in every child)
    codes: list[int] = []
    for batch in batched(runs, at_once):
        children = [started(arguments) for arguments in batch]
        statuses = [os.waitpid(child, 0)[1] for child in children]
        codes += map(os.waitstatus_to_exitcode, statuses)
    print(json.dumps(codes))


if __name__ == "__main__":
    main(*json.loads(sys.argv[1]))
