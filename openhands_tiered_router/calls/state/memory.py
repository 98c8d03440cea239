"""State of this process alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from openhands_tiered_router.calls.state.store import Change, Value


SWEEP_AT: Final = 1024
"""Keys from which on expired ones are looked for as keys are added."""


class MemoryStore:
    """A ``StateStore`` in a dictionary; gone with the process."""

    local = True

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._values: dict[str, tuple[Value, float | None]] = {}
        self._sweep_at = SWEEP_AT
        self._lock = threading.Lock()

    def apply[T](self, key: str, change: Change[T], *, ttl: float | None = None) -> T:
        with self._lock:
            value, result = change(self.read(key))
            if value is None:
                self._values.pop(key, None)
            else:
                expiry = None if ttl is None else self._clock() + ttl
                self._values[key] = value, expiry
                if len(self._values) >= self._sweep_at:
                    self._sweep()
            return result

    def read(self, key: str) -> Value | None:
        value, expiry = self._values.get(key, (None, None))
        return None if expiry is not None and expiry <= self._clock() else value

    def after_fork(self) -> None:
        """A forked child's copy: the lock may have been held by another thread."""
        self._lock = threading.Lock()

    def _sweep(self) -> None:
        now = self._clock()
        kept = {k: v for k, v in self._values.items() if v[1] is None or v[1] > now}
        self._values = kept
        self._sweep_at = max(SWEEP_AT, 2 * len(kept))
