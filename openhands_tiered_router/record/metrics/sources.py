"""What the routers of this process are asked at a scrape; noting it is all they do."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from openhands_tiered_router.record.report.budgets import BudgetLeft
from openhands_tiered_router.record.telemetry.recorder import TelemetryRecorder


MAX_ENDPOINTS: Final = 200
"""Endpoints shown at most: some hundred bytes of each scrape."""
MAX_BUDGETS: Final = 50


type EndpointState = tuple[float, int]
"""How an endpoint fares in this process: its breaker's openness (1: no call goes there;
0.5: it is being probed; 0: closed), and the calls that wait for its rate limit."""


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
