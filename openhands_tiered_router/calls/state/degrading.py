"""Going on in memory while the shared store is away, and catching up after it."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Any, Final

from openhands_tiered_router.calls.state.journal import Entry, Journal
from openhands_tiered_router.calls.state.store import (
    KINDS,
    Change,
    MemoryStore,
    Noted,
    StateStore,
    StateUnavailable,
    Value,
)


RETRY_SECONDS: Final = 5.0
"""Between tries of a store that is away: each may take its whole time limit."""
MAX_PENDING: Final = 10_000
"""Changes kept to be made again; past it the oldest are lost, and that is said."""
MAX_KNOWN: Final = 1_024
"""Keys whose last value is remembered, for local changes to begin with."""

_log = logging.getLogger(__name__)


class DegradingStore:
    """A ``StateStore`` that never raises ``StateUnavailable``.

    While the shared store is away, changes are made to a local copy of what was last
    seen of it, and noted; when it is back they are made there again, in order. Other
    processes do the same meanwhile, so a limit then holds for each of them alone.
    With a journal, changes of money outlive the process.
    """

    local = False

    def __init__(
        self,
        shared: StateStore,
        *,
        journal: Journal | None = None,
        clock: Callable[[], float] = time.monotonic,
        retry_seconds: float = RETRY_SECONDS,
    ) -> None:
        self._shared = shared
        self._journal = journal
        self._looked = journal is None
        """Whether what earlier processes noted has been made."""
        self._clock = clock
        self._retry = retry_seconds
        self._retry_at: float | None = None
        self._copy = MemoryStore()
        self._known: OrderedDict[str, Value | None] = OrderedDict()
        self._pending: deque[tuple[str, Change[Any], float | None]] = deque()
        self._lock = threading.Lock()
        self._known_lock = threading.Lock()
        self.listeners: dict[str, Callable[[bool, str], None]] = {}
        """By name; called with whether the store is away, and why. Must not raise."""

    @property
    def away(self) -> bool:
        """Whether changes are made locally at the moment."""
        return self._retry_at is not None

    def apply[T](self, key: str, change: Change[T], *, ttl: float | None = None) -> T:
        while True:
            if self._reachable():
                try:
                    return self._shared.apply(key, self._watched(key, change), ttl=ttl)
                except StateUnavailable as error:
                    self._left(error)
            with self._lock:
                if self.away:
                    return self._apply_here(key, change, ttl)

    def read(self, key: str) -> Value | None:
        if self._reachable():
            try:
                value = self._shared.read(key)
                self._note(key, value)
                return value
            except StateUnavailable as error:
                self._left(error)
        copied = self._copy.read(key)
        return self._known.get(key) if copied is None else copied

    def after_fork(self) -> None:
        """A forked child's copy; what waits is the parent's to make."""
        self._lock = threading.Lock()
        self._pending.clear()
        self._known_lock = threading.Lock()
        self._shared.after_fork()
        if self._journal is not None:
            self._journal.after_fork()
        self._copy.after_fork()

    def _reachable(self) -> bool:
        """Whether to ask the shared store; catches up first if it was away."""
        if self._retry_at is None and self._looked:
            return True
        with self._lock:
            away = self._retry_at is not None
            if not away and self._looked:
                return True
            if self._retry_at is not None and self._clock() < self._retry_at:
                return False
            try:
                self._make_noted()
                while self._pending:
                    self._make_again(*self._pending[0])
                    self._pending.popleft()
                self._shared.read("")
            except StateUnavailable:
                if not away:
                    return True  # whoever asks next is told why
                self._retry_at = self._clock() + self._retry
                return False
            self._copy, self._retry_at, self._looked = MemoryStore(), None, True
        if away:
            self._say(False, "shared state is back; local changes have been made there")
        return True

    def _make_noted(self) -> None:
        """What was noted here, and by processes that ended since."""
        if self._journal is not None:
            self._journal.make(self._make_entry)

    def _make_entry(self, entry: Entry) -> None:
        if entry.kind in KINDS:
            self._make_again(entry.key, KINDS[entry.kind](entry.body), entry.ttl)
        else:
            _log.error("shared state: a change of another release is lost")

    def _make_again(self, key: str, change: Change[Any], ttl: float | None) -> None:
        try:
            self._shared.apply(key, change, ttl=ttl)
        except StateUnavailable:
            raise
        except Exception as error:
            # The value there may be another release's; the rest must not wait for it.
            _log.error("shared state: a change is lost: %s", type(error).__name__)

    def _left(self, error: StateUnavailable) -> None:
        with self._lock:
            first, self._retry_at = self._retry_at is None, self._clock() + self._retry
        if first:
            self._say(True, f"{error}. Until it is back this process counts alone")

    def _say(self, away: bool, text: str) -> None:
        _log.warning("%s", text)
        for listener in self.listeners.values():
            listener(away, text)

    def _apply_here[T](self, key: str, change: Change[T], ttl: float | None) -> T:
        result = self._copy.apply(key, self._seeded(key, change), ttl=ttl)
        if isinstance(change, Noted) and self._noted(key, change, ttl):
            return result
        if len(self._pending) == MAX_PENDING:
            self._pending.popleft()
            _log.error("shared state: more than %d changes wait", MAX_PENDING)
        self._pending.append((key, change, ttl))
        return result

    def _noted(self, key: str, change: Noted[Any], ttl: float | None) -> bool:
        return self._journal is not None and self._journal.note(key, change, ttl)

    def _watched[T](self, key: str, change: Change[T]) -> Change[T]:
        def watched(value: Value | None) -> tuple[Value | None, T]:
            after, result = change(value)
            self._note(key, after)
            return after, result

        return watched

    def _seeded[T](self, key: str, change: Change[T]) -> Change[T]:
        def seeded(value: Value | None) -> tuple[Value | None, T]:
            return change(self._known.get(key) if value is None else value)

        return seeded

    def _note(self, key: str, value: Value | None) -> None:
        with self._known_lock:
            self._known[key] = value
            self._known.move_to_end(key)
            if len(self._known) > MAX_KNOWN:
                self._known.popitem(last=False)
