"""The metrics of this process, and what answers a scrape."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector

from openhands_tiered_router.record.metrics.counters import Counters
from openhands_tiered_router.record.metrics.gauges import Gauges
from openhands_tiered_router.record.metrics.settings import MULTIPROCESS
from openhands_tiered_router.record.metrics.sources import sources
from openhands_tiered_router.record.metrics.tailer import Tailer
from openhands_tiered_router.record.telemetry.recorder import observe


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
        counted_in = CollectorRegistry()
        self._gauges = Gauges(sources)
        self._counters = Counters(counted_in)
        self._tailer: Tailer | None = None
        observe(self._counters.see)
        self._registry = counted_in
        if os.environ.get(MULTIPROCESS):
            self._registry = CollectorRegistry()
            MultiProcessCollector(self._registry)
        self._registry.register(self._gauges)

    def follow(self, path: Path) -> None:
        """Counts what other processes record in that file, from now on.

        Raises:
            TelemetryReadError: It cannot be read.
        """
        self._tailer = Tailer(path, self._counters.see)

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
            ready = self._gauges.ready()
            text = "ready" if ready else "every endpoint's breaker is open"
            return _plain(200 if ready else 503, text)
        return _plain(404, "try /metrics, /health/live or /health/ready")


def _plain(status: int, text: str) -> Answer:
    return Answer(status, "text/plain; charset=utf-8", f"{text}\n".encode())


_lock = threading.Lock()
_made: list[Exposition] = []


def exposition() -> Exposition:
    """This process's; it counts from the first time it is asked for."""
    with _lock:
        if not _made:
            _made.append(Exposition())
        return _made[0]
