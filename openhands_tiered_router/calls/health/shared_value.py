"""A small value that changes atomically, here or in a store that processes share."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from hashlib import blake2b
from typing import Final

import msgspec

from openhands_tiered_router.calls.state.store import (
    StateStore,
    StateUnavailable,
    Value,
)


logger = logging.getLogger(__name__)

TTL: Final = 3_600.0
"""Seconds after its last change for which a shared value is kept: longer than any
breaker stays open, or any rate counts."""


class AtomicValue[S]:
    """Holds one immutable value; safe under threads."""

    def __init__(self, initial: S) -> None:
        self.last = initial
        """The value as this process knows it; free to read at any time."""
        self.local = True
        """Whether ``change`` is memory only; else it waits for a disk or network."""
        self._lock = threading.Lock()

    def read(self) -> S:
        """The value at this moment."""
        return self.last

    def change[T](self, step: Callable[[S], tuple[S, T]]) -> T:
        """Replaces the value by what the pure ``step`` makes of it."""
        with self._lock:
            self.last, result = step(self.last)
            return result


class SharedValue[S](AtomicValue[S]):
    """The same in a store, as plain data. Without the store it goes on by itself."""

    def __init__(self, initial: S, store: StateStore, key: str) -> None:
        super().__init__(initial)
        self.local = store.local
        self._initial = initial
        self._store = store
        self._key = key
        self._warned = False

    def read(self) -> S:
        try:
            self.last = self._decode(self._store.read(self._key))
        except StateUnavailable as error:
            self._warn(error)
        return self.last

    def change[T](self, step: Callable[[S], tuple[S, T]]) -> T:
        def apply(stored: Value | None) -> tuple[Value, tuple[S, T]]:
            after, result = step(self._decode(stored))
            return msgspec.to_builtins(after), (after, result)

        try:
            self.last, result = self._store.apply(self._key, apply, ttl=TTL)
        except StateUnavailable as error:
            self._warn(error)
            return super().change(step)
        return result

    def _warn(self, error: StateUnavailable) -> None:
        if not self._warned:
            self._warned = True
            logger.warning("%s; going on with this process's own state", error)

    def _decode(self, stored: Value | None) -> S:
        if stored is None:
            return self._initial
        try:
            return msgspec.convert(dict(stored), type(self._initial), strict=False)
        except msgspec.ValidationError:
            # Of another version, or not ours: as if nothing were known.
            return self._initial


def shared_value[S](
    initial: S, store: StateStore | None, kind: str, name: str
) -> AtomicValue[S]:
    """A value for what is called ``name``; shared if the store is.

    The name, which holds an address, goes into the store as a hash.
    """
    if store is None or store.local:
        return AtomicValue(initial)
    digest = blake2b(name.encode(), digest_size=12).hexdigest()
    return SharedValue(initial, store, f"{kind}:{digest}")
