"""The metrics of this process, and what answers a scrape."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from openhands_tiered_router.record.metrics.counters import PREFIX, Counters, Label
from openhands_tiered_router.record.metrics.settings import MULTIPROCESS
from openhands_tiered_router.record.metrics.sources import sources
from openhands_tiered_router.record.telemetry.query import TelemetryFile
from openhands_tiered_router.record.telemetry.recorder import observe
from openhands_tiered_router.record.telemetry.records import Record


WINDOW: Final = 3_600.0
"""Seconds for which a call may run: its row has the time of its beginning, and comes
at its end."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What an HTTP request gets."""

    status: int
    content_type: str
    body: bytes


class Exposition:
    """Counts from its making on; a registry of its own, so that other metrics of the
    process are neither shown nor disturbed."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._counters = Counters(self._registry)
        self._tailer: _Tailer | None = None
        observe(self._counters.see)
        if os.environ.get(MULTIPROCESS):
            self._registry = CollectorRegistry()
            MultiProcessCollector(self._registry)
        self._registry.register(_Gauges())

    def follow(self, path: Path) -> None:
        """Counts what other processes record in that file, from now on.

        Raises:
            TelemetryReadError: It cannot be read.
        """
        self._tailer = _Tailer(path, self._counters.see)

    def answer(self, path: str, accept: str = "") -> Answer:
        """May ask shared state, so not for an event loop."""
        if path == "/metrics":
            if self._tailer is not None:
                self._tailer.catch_up()
            encode, content_type = choose_encoder(accept)
            return Answer(200, content_type, encode(self._registry))
        if path == "/health/live":
            return _plain(200, "alive")
        if path == "/health/ready":
            # Some endpoint may be called; so it is before the first call.
            known = [ask() for ask in list(sources.endpoints.values())]
            if not known or any(openness < 1 for openness, _ in known):
                return _plain(200, "ready")
            return _plain(503, "every endpoint's breaker is open")
        return _plain(404, "try /metrics, /health/live or /health/ready")


def _plain(status: int, text: str) -> Answer:
    return Answer(status, "text/plain; charset=utf-8", f"{text}\n".encode())


_lock = threading.Lock()


@cache
def _made() -> Exposition:
    return Exposition()


def exposition() -> Exposition:
    """This process's; it counts from the first time it is asked for."""
    with _lock:
        return _made()


class _Gauges(Collector):
    """Read at a scrape: breakers, queues, budgets, telemetry. Reads shared state, so a
    scrape belongs into a thread of its own."""

    def __init__(self) -> None:
        self._label = Label()

    def describe(self) -> list[Metric]:
        """Nothing: to be registered must not ask a disk."""
        return []

    def collect(self) -> Iterator[Metric]:
        build = _gauge("build_info", "The release that runs.", "version")
        build.add_metric([version("openhands-tiered-router")], 1)
        yield build
        yield from self._endpoints()
        yield from self._budgets()
        yield from _telemetry()

    def _endpoints(self) -> Iterator[Metric]:
        open_ = _gauge(
            "breaker_open", "1: no call goes there; 0.5: it is being tried; 0: well.",
            "endpoint", "model",
        )  # fmt: skip
        waiting = _gauge(
            "waiting_calls", "Calls of this process waiting for an endpoint's rate.",
            "endpoint", "model",
        )  # fmt: skip
        for (key, model), ask in list(sources.endpoints.items()):
            openness, queued = ask()
            labels = [self._label.of(key), self._label.of(model)]
            open_.add_metric(labels, openness)
            waiting.add_metric(labels, queued)
        yield from (open_, waiting)

    def _budgets(self) -> Iterator[Metric]:
        limit = _gauge(
            "budget_limit", "Limit of a budget, in its unit.", "scope", "budget", "unit"
        )
        left = _gauge(
            "budget_remaining", "What is neither spent nor reserved, in its unit.",
            "scope", "budget", "unit",
        )  # fmt: skip
        for ask in list(sources.budgets.values()):
            for budget in ask():
                labels = [budget.scope, self._label.of(budget.name), budget.unit]
                limit.add_metric(labels, budget.limit)
                left.add_metric(labels, max(0, budget.limit - budget.used))
        yield from (limit, left)


def _telemetry() -> Iterator[Metric]:
    stats = [s for r in list(sources.recorders) if (s := r.stats()) is not None]
    waiting = _gauge("telemetry_waiting_records", "Records not yet on disk.")
    waiting.add_metric([], sum(s.waiting for s in stats))
    written = _counter("telemetry_written_records", "Records written.")
    written.add_metric([], sum(s.written for s in stats))
    lost = _counter("telemetry_dropped_records", "Records that were lost.")
    lost.add_metric([], sum(s.dropped + s.rejected for s in stats))
    yield from (waiting, written, lost)


def _gauge(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"{PREFIX}_{name}", text, labels=labels)


def _counter(name: str, text: str) -> CounterMetricFamily:
    return CounterMetricFamily(f"{PREFIX}_{name}", text, labels=())


class _Tailer:
    """Shows each record of a file once, from its making on. Safe under threads."""

    def __init__(self, path: Path, see: Callable[[Record], None]) -> None:
        self._file = TelemetryFile(path)
        self._lock = threading.Lock()
        self._seen: dict[str, float] = {}
        self._events_from = time.time()
        self._see: Callable[[Record], None] = lambda _: None
        self.catch_up()
        self._see = see

    def catch_up(self) -> None:
        """Shows what is new; reads the last hour's rows.

        Raises:
            TelemetryReadError: The file cannot be read.
        """
        with self._lock:
            now = time.time()
            since = now - WINDOW
            self._seen = {k: at for k, at in self._seen.items() if at >= since}
            for call in self._file.calls(since):
                if call.id not in self._seen:
                    self._seen[call.id] = call.time
                    self._see(call)
            begun, self._events_from = self._events_from, now
            for event in self._file.events(begun, now):
                self._see(event)
            for verdict in self._file.verdicts(begun, now):
                self._see(verdict)
