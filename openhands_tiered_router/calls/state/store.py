"""The one interface to shared state: an atomic change of a small value."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol


type Value = Mapping[str, Any]
"""A small JSON object; never changed in place."""
type Change[T] = Callable[[Value | None], tuple[Value | None, T]]
"""From a key's value (``None``: it has none) to its next one and a result. Pure: it may
be called again when another process was faster."""


@dataclass(frozen=True, slots=True)
class Noted[T]:
    """A change that a journal can keep. Made twice, it must count once."""

    change: Change[T]
    kind: str
    """Name in ``KINDS``."""
    body: Mapping[str, Any]
    """JSON from which it can be made again."""

    def __call__(self, value: Value | None) -> tuple[Value | None, T]:
        return self.change(value)


KINDS: Final[dict[str, Callable[[Mapping[str, Any]], Change[Any]]]] = {}
"""How changes that were noted are made again; their modules register them."""


class StateStore(Protocol):
    """Values by key, safe under threads; other processes see them if it is shared.

    Raises ``StateUnavailable``, but for stores got from ``state.stores``: those go on
    in memory instead.
    """

    local: bool
    """Whether it is memory only, so that an event loop may call it directly; else a
    call goes through the ``Blocking`` step."""

    def apply[T](self, key: str, change: Change[T], *, ttl: float | None = None) -> T:
        """Replaces the value of ``key`` by what ``change`` makes of it, atomically.

        Args:
            ttl: Seconds from now after which the value is gone; ``None``: it stays.

        Returns:
            The result of the one call of ``change`` that counted.
        """
        ...

    def read(self, key: str) -> Value | None:
        """The value of ``key`` at this moment."""
        ...

    def after_fork(self) -> None:
        """Makes the copy in a forked child usable: locks and connections are not."""
        ...


class StateUnavailable(RuntimeError):
    """The store cannot be reached or used; its message says which and what to do."""


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
