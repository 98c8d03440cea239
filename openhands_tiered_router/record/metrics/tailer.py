"""Counting what other processes record, as it appears in the telemetry file."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from openhands_tiered_router.record.telemetry.query import TelemetryFile
from openhands_tiered_router.record.telemetry.records import Record


WINDOW: Final = 3_600.0
"""Seconds for which a call may run: its row has the time of its beginning, and comes
at its end."""


class Tailer:
    """Shows each record of a file once, from its making on. Safe under threads."""

    def __init__(self, path: Path, see: Callable[[Record], None]) -> None:
        """
        Raises:
            TelemetryReadError: The file cannot be read.
        """
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
                if call.answered is not None and call.id not in self._seen:
                    self._seen[call.id] = call.time or now
                    self._see(call)
            begun, self._events_from = self._events_from, now
            for event in self._file.events(begun, now):
                self._see(event)
            for verdict in self._file.verdicts(begun, now):
                self._see(verdict)
