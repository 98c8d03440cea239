"""What is left of the budgets that a configuration sets."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetLeft:
    """One limit of a budget, as configured."""

    scope: str
    name: str
    unit: str
    limit: float
    used: float
    """Spent, or reserved for calls under way; now, not in the report's time."""

    @property
    def left(self) -> float:
        """Share of the limit that is neither; 0 if it was passed."""
        return max(1.0 - self.used / self.limit, 0.0) if self.limit else 0.0


def budgets_left(
    config: str, conversation_id: str | None = None
) -> tuple[BudgetLeft, ...]:
    """Of each limit of the configuration that is counted in one place now.

    Args:
        config: The configuration file.
        conversation_id: Whose budgets are told too; without one, those of
            conversations are left out, and those of single calls always.

    Raises:
        ConfigError: It cannot be used.
    """
    return tuple(_left(config, conversation_id))


def _left(config: str, conversation_id: str | None) -> Iterator[BudgetLeft]:
    # Here, because a report that names no configuration need not wait for it.
    from openhands_tiered_router.calls.state.degrading import DegradingStore
    from openhands_tiered_router.calls.state.stores import durable_store_for
    from openhands_tiered_router.config import open_config
    from openhands_tiered_router.guards.budget import ledger
    from openhands_tiered_router.guards.budget.limits import MEASURES, NANO

    read, now = open_config(config), time.time()
    store = durable_store_for(read.state)
    for budget in read.budgets:
        key = budget.key(conversation_id, now)
        if key is None:
            continue
        held = ledger.committed(store.read(key))
        if store.local or (isinstance(store, DegradingStore) and store.away):
            return  # what others have spent is not known here
        for measure, most in budget.limits:
            unit = MEASURES[measure]
            per = {"usd": NANO, "seconds": 1_000}.get(unit, 1)
            yield BudgetLeft(
                scope=str(budget.scope),
                name=budget.name,
                unit=unit,
                limit=most / per,
                used=held[measure] / per,
            )
