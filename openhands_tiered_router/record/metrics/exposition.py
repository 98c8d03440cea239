"""The metrics of this process, and what answers a scrape."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector

from openhands_tiered_router.record.metrics.asked import Asked
from openhands_tiered_router.record.metrics.counted import Counted
from openhands_tiered_router.record.metrics.followed import Followed
from openhands_tiered_router.record.metrics.settings import MULTIPROCESS
from openhands_tiered_router.record.metrics.sources import sources
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
        self._asked = Asked(sources)
        self._counted = Counted(counted_in)
        self._followed: Followed | None = None
        observe(self._counted.see)
        self._registry = counted_in
        if os.environ.get(MULTIPROCESS):
            self._registry = CollectorRegistry()
            MultiProcessCollector(self._registry)
        self._registry.register(self._asked)

    def follow(self, path: Path) -> None:
        """Counts what other processes put on record in that file, from now on.

        Raises:
            TelemetryReadError: It cannot be read.
        """
        self._followed = Followed(path, self._counted.see)

    def answer(self, path: str, accept: str = "") -> Answer:
        """May ask shared state, so not for an event loop."""
        if path == "/metrics":
            if self._followed is not None:
                self._followed.catch_up()
            encode, content_type = choose_encoder(accept)
            return Answer(200, content_type, encode(self._registry))
        if path == "/health/live":
            return _plain(200, "alive")
        if path == "/health/ready":
            ready = self._asked.ready()
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
