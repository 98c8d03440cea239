"""What the routers of this process are asked at a scrape; noting it is all they do."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from openhands_tiered_router.record.telemetry.recorder import TelemetryRecorder


MAX_ENDPOINTS: Final = 200
"""Endpoints shown at most: some hundred bytes of each scrape."""
MAX_BUDGETS: Final = 50


type EndpointState = tuple[float, int]
"""How an endpoint fares in this process: its breaker's openness (1: no call goes there;
0.5: it is being probed; 0: closed), and the calls that wait for its rate limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetLeft:
    """One limit of a budget, as configured."""

    scope: str
    name: str
    unit: str
    """``usd``, ``tokens``, ``turns`` or ``seconds``."""
    limit: float
    used: float
    """Spent, or reserved for calls under way; now, not in the report's time."""

    @property
    def left(self) -> float:
        """Share of the limit that is neither; 0 if it was passed."""
        return max(1.0 - self.used / self.limit, 0.0) if self.limit else 0.0


@dataclass(slots=True)
class Sources:
    """By what they are labelled with; of two with the same labels the later holds."""

    endpoints: dict[tuple[str, str], Callable[[], EndpointState]] = field(
        default_factory=dict
    )
    """By key and model."""
    budgets: dict[tuple[str, str], Callable[[], Iterable[BudgetLeft]]] = field(
        default_factory=dict
    )
    """By scope and name."""
    recorders: weakref.WeakSet[TelemetryRecorder] = field(
        default_factory=weakref.WeakSet
    )

    def add(
        self,
        recorder: TelemetryRecorder,
        endpoints: Mapping[tuple[str, str], Callable[[], EndpointState]] = {},
        budgets: Mapping[tuple[str, str], Callable[[], Iterable[BudgetLeft]]] = {},
    ) -> None:
        """Notes what a router has."""
        _put(self.endpoints, endpoints, MAX_ENDPOINTS)
        _put(self.budgets, budgets, MAX_BUDGETS)
        if recorder.path is not None:
            self.recorders.add(recorder)


def _put[K, V](known: dict[K, V], new: Mapping[K, V], most: int) -> None:
    for key, value in new.items():
        if key in known or len(known) < most:
            known[key] = value


sources: Final = Sources()
"""This process's."""
