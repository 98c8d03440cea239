"""What is left of budgets, read from their ledgers."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from openhands_tiered_router.calls.settings import StateSettings
from openhands_tiered_router.calls.state.degrading import DegradingStore
from openhands_tiered_router.calls.state.stores import durable_store_for
from openhands_tiered_router.guards.budget import ledger
from openhands_tiered_router.guards.budget.limits import MEASURES, NANO, Budget
from openhands_tiered_router.guards.budget.registry import registry
from openhands_tiered_router.record.metrics.sources import BudgetLeft


_PER = {"usd": NANO, "seconds": 1_000}
"""Of a ledger's whole numbers in a unit; the others are counted by ones."""


def budgets_left(
    budgets: Iterable[Budget],
    state: StateSettings,
    conversation_id: str | None = None,
    *,
    shared_only: bool = False,
) -> Iterator[BudgetLeft]:
    """Each limit with what is spent or reserved of it now. Reads the shared state: not
    for an event loop.

    Args:
        budgets: As configured; a limit that was raised in this process counts raised.
        state: Where their ledgers are.
        conversation_id: Without one, budgets of single conversations are left out;
            those of single calls always are.
        shared_only: Nothing where the state is this process's own, or out of reach:
            then it is not known what others have spent.
    """
    store, now = durable_store_for(state), time.time()
    for budget in map(registry().current, budgets):
        key = budget.key(conversation_id, now)
        if key is None:
            continue
        held = ledger.committed(store.read(key))
        away = isinstance(store, DegradingStore) and store.away
        if shared_only and (store.local or away):
            return
        for measure, most in budget.limits:
            unit = MEASURES[measure]
            per = _PER.get(unit, 1)
            yield BudgetLeft(
                scope=str(budget.scope),
                name=budget.name,
                unit=unit,
                limit=most / per,
                used=held[measure] / per,
            )
