"""What the routers of this process are asked at a scrape; noting it is all they do."""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from openhands_tiered_router.calls.state.settings import StateSettings
from openhands_tiered_router.guards.budget.limits import Budget, Scope
from openhands_tiered_router.record.telemetry.recorder import TelemetryRecorder
from openhands_tiered_router.tiers import Endpoint


MAX_ENDPOINTS: Final = 200
"""Endpoints shown at most: some hundred bytes of each scrape."""
MAX_BUDGETS: Final = 50

_COUNTED_APART: Final = (Scope.CALL, Scope.CONVERSATION)
"""Scopes with a ledger for each conversation, or none: too many to show."""


@dataclass(slots=True)
class Sources:
    """By what they are labelled with; of two with the same labels the later holds."""

    endpoints: dict[tuple[str, str], Endpoint] = field(default_factory=dict)
    budgets: dict[tuple[Scope, str], tuple[Budget, StateSettings]] = field(
        default_factory=dict
    )
    recorders: weakref.WeakSet[TelemetryRecorder] = field(
        default_factory=weakref.WeakSet
    )

    def add(
        self,
        endpoints: Iterable[Endpoint],
        budgets: Iterable[Budget],
        state: StateSettings,
        recorder: TelemetryRecorder,
    ) -> None:
        """Notes what a router has."""
        for endpoint in endpoints:
            _put(
                self.endpoints, (endpoint.key, endpoint.model), endpoint, MAX_ENDPOINTS
            )
        for budget in budgets:
            if budget.scope not in _COUNTED_APART:
                key = (budget.scope, budget.name)
                _put(self.budgets, key, (budget, state), MAX_BUDGETS)
        if recorder.path is not None:
            self.recorders.add(recorder)


def _put[K, V](known: dict[K, V], key: K, value: V, most: int) -> None:
    if key in known or len(known) < most:
        known[key] = value


sources: Final = Sources()
"""This process's."""
