"""Getting records to the file without anyone waiting for it."""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import logging
import os
import sqlite3
import threading
import time
import weakref
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Final

from openhands_tiered_router.record.telemetry.opening import UnusableFile
from openhands_tiered_router.record.telemetry.records import Loss, Record
from openhands_tiered_router.record.telemetry.removal import Retention
from openhands_tiered_router.record.telemetry.store import BUSY_SECONDS, Store, is_busy
from openhands_tiered_router.record.telemetry.texts import RawTexts, fit_to_store


DEFAULT_QUEUE_SIZE: Final = 10_000
"""Records that wait at most: hours of an agent's work, some 20 MB."""

EXIT_SECONDS: Final = 2.0
"""The longest that the end of the interpreter waits for queued records."""

_GATHER_SECONDS: Final = 0.1
"""Wait for company before a transaction; what a killed process can lose."""

_BATCH: Final = 500
"""Records per transaction: the lock stays free for other processes in between."""

_RETRY_SECONDS: Final = 0.05
_MAX_RETRY_SECONDS: Final = 5.0
_PATIENCE_SECONDS: Final = 1.0
"""Pause from which on another process's transaction is worth a warning."""

_TRIM_SECONDS: Final = 3_600.0
"""Between looks for what is beyond the limits, while there is nothing of it."""

KEEP_ALL: Final = Retention()

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class WriterStats:
    """How a writer is doing in this process."""

    waiting: int
    """Records in the queue."""
    written: int
    dropped: int
    """Records lost because the queue was full or the process ended."""
    rejected: int
    """Records lost because a value in them cannot be stored."""
    off: bool
    """Whether nothing is recorded any more: the file is not ours to write."""


class _Flush:
    """Stands in the queue behind the records that someone waits for."""

    def __init__(self) -> None:
        self.done = threading.Event()


class Writer:
    """Puts records into one file from one daemon thread.

    ``put`` costs the caller microseconds whatever the disk does. When the queue is
    full the *newest* record is dropped: what waits stays in order and whole, and the
    gap, which the file's ``losses`` table tells, is one piece. A disk that fails is
    tried again, ever more slowly, up to every five seconds. The thread starts with
    the first record, and again in a forked child.
    """

    def __init__(
        self,
        path: Path,
        *,
        queue_size: int = DEFAULT_QUEUE_SIZE,
        keep: Retention = KEEP_ALL,
    ) -> None:
        self.path = path
        self._keep = keep
        self._limit = queue_size
        self._warned: set[str] = set()
        self._off = False
        self._reset()
        _writers.add(self)

    def _reset(self) -> None:
        """A fresh start without a thread: at first, and in a forked child."""
        self._queue: SimpleQueue[Record | RawTexts | _Flush] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._start_lock = threading.Lock()
        self._count_lock = threading.Lock()
        self._io_lock = threading.Lock()
        self._stop = threading.Event()
        self._deadline = 0.0
        self._trim_at = 0.0
        self._store = Store(self.path)
        self._written = self._dropped = self._rejected = self._told = 0

    def put(self, record: Record | RawTexts) -> None:
        """Queues a record. Never blocks, never raises."""
        if self._off:
            return
        if self._queue.qsize() >= self._limit or not self._started():
            self._count_dropped(1)
            return
        self._queue.put(record)

    def flush(self, timeout: float = EXIT_SECONDS) -> bool:
        """Waits until what was put before is in the file.

        Returns:
            Whether it is. ``False``: the time, in seconds, was not enough, or
            nothing is recorded any more.
        """
        if self._thread is None or not self._thread.is_alive():
            return self._queue.empty() and not self._off
        marker = _Flush()
        self._queue.put(marker)
        return marker.done.wait(timeout) and not self._off

    def close(self, timeout: float = EXIT_SECONDS) -> None:
        """Writes what waits, for at most that many seconds, and ends the thread."""
        self.stop(time.monotonic() + timeout)
        if self._thread is not None:
            self._thread.join(timeout)

    def stop(self, deadline: float) -> None:
        """Asks the thread to finish by a time of the monotonic clock."""
        self._deadline = deadline
        self._stop.set()
        self._queue.put(_Flush())

    def stats(self) -> WriterStats:
        return WriterStats(
            waiting=self._queue.qsize(),
            written=self._written,
            dropped=self._dropped,
            rejected=self._rejected,
            off=self._off,
        )

    def _started(self) -> bool:
        if self._thread is not None:
            return not self._stop.is_set()
        with self._start_lock:
            if self._thread is None and not self._stop.is_set():
                thread = threading.Thread(
                    target=self._run, name="tiered-router-telemetry", daemon=True
                )
                # Not possible while the interpreter ends.
                with contextlib.suppress(RuntimeError):
                    thread.start()
                    self._thread = thread
        return self._thread is not None

    def _count_dropped(self, count: int) -> None:
        with self._count_lock:
            self._dropped += count

    def _run(self) -> None:
        while not (self._stop.is_set() and self._queue.empty()):
            batch, texts, waiters = self._gather()
            if batch and not self._off:
                self._persist(batch)
                self._trim()
            # Afterwards: who is asked for secrets may take long to answer.
            fit = [t for t in map(self._fit, texts) if t] if not self._off else []
            if fit:
                self._persist(fit)
            for waiter in waiters:
                waiter.done.set()
        with self._io_lock:
            self._store.close()

    def _gather(self) -> tuple[list[Record], list[RawTexts], list[_Flush]]:
        """Waits for a record, then a moment for more."""
        items = [self._queue.get()]
        if not isinstance(items[0], _Flush) and self._queue.qsize() < _BATCH:
            self._stop.wait(_GATHER_SECONDS)
        with contextlib.suppress(Empty):
            while len(items) < _BATCH:
                items.append(self._queue.get_nowait())
        waiters = [i for i in items if isinstance(i, _Flush)]
        texts = [i for i in items if isinstance(i, RawTexts)]
        records = [i for i in items if not isinstance(i, _Flush | RawTexts)]
        return records, texts, waiters

    def _fit(self, texts: RawTexts) -> Record | None:
        """Texts are redacted here, since it takes too long for a transaction."""
        try:
            return fit_to_store(texts)
        except Exception as error:  # rather no text than one with a secret
            # The type alone: a message could quote the text.
            self._warn("texts not recorded in %s: %s", type(error).__name__)
            self._rejected += 1
            return None

    def _persist(self, batch: list[Record]) -> None:
        """Writes the batch, however often that takes."""
        delay = _RETRY_SECONDS
        while not self._off:
            try:
                self._write(batch)
            except (sqlite3.Error, OSError) as error:
                if delay > _PATIENCE_SECONDS or not is_busy(error):
                    self._warn("telemetry cannot be written to %s for now: %s", error)
            except Exception as error:  # a thread that died would tell nobody
                self._off = True
                self._warn("telemetry is off: %s: %s", error)
            else:
                return
            if self._stop.is_set() and time.monotonic() + delay > self._deadline:
                self._count_dropped(len(batch))
                return
            self._pause(delay)
            delay = min(2 * delay, _MAX_RETRY_SECONDS)

    def _write(self, batch: list[Record]) -> None:
        untold = self._dropped + self._rejected - self._told
        losses = [Loss(time=time.time(), count=untold)] if untold else []
        try:
            with self._io_lock:
                rejected = self._store.write([*batch, *losses])
        except UnusableFile as error:
            self._off = True
            self._warn("telemetry is off: %s: %s", error)
            return
        if rejected:
            self._warn("telemetry for %s: %s", _REJECTED)
        self._told += untold
        self._rejected += rejected
        self._written += len(batch) - rejected

    def _trim(self) -> None:
        """Now and then removes a little of what is beyond the limits."""
        if time.monotonic() < self._trim_at or self._off or self._keep == KEEP_ALL:
            return
        self._trim_at = time.monotonic() + _TRIM_SECONDS
        try:
            with self._io_lock:
                if self._store.trim(self._keep, time.time()):
                    self._trim_at = 0.0
        except (sqlite3.Error, OSError, UnusableFile) as error:
            if not is_busy(error):
                self._warn("old telemetry cannot be removed from %s: %s", error)

    def _pause(self, seconds: float) -> None:
        if self._stop.is_set():
            time.sleep(seconds)
        else:
            self._stop.wait(seconds)

    def _warn(self, message: str, error: Exception | str) -> None:
        """Says it once: what is wrong stays wrong for long, and logs are for people."""
        if message not in self._warned:
            self._warned.add(message)
            _log.warning(message, self.path, error)

    def before_fork(self) -> bool:
        """Leaves no SQLite call and no connection open that a child would inherit."""
        if not self._io_lock.acquire(timeout=2 * BUSY_SECONDS):
            return False
        self._store.close()
        return True

    def after_fork(self, *, quiet: bool, child: bool) -> None:
        """Goes on; in the child with an empty queue, for the parent writes its own.

        Args:
            quiet: What ``before_fork`` said.
            child: Whether this is the new process.
        """
        if child and not quiet:
            # The disk was stalled inside SQLite, whose locks the child has inherited
            # without the thread that would give them back. It must never enter SQLite.
            self._off = True
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._store))
            self._warn("telemetry is off in a forked process: %s: %s", _STALLED)
        elif child:
            self._reset()
        elif quiet:
            self._io_lock.release()


_REJECTED: Final = ValueError("a record holds a value that cannot be stored")
_STALLED: Final = TimeoutError("the disk was stalled at the time of the fork")
_writers: weakref.WeakSet[Writer] = weakref.WeakSet()
_forking = threading.local()
"""What the thread that forks has to give back afterwards."""


def _before_fork() -> None:
    _forking.writers = [(w, w.before_fork()) for w in list(_writers)]


def _after_fork(*, child: bool) -> None:
    for writer, quiet in _forking.writers:
        writer.after_fork(quiet=quiet, child=child)
    del _forking.writers


def _at_exit() -> None:
    deadline = time.monotonic() + EXIT_SECONDS
    writers = list(_writers)
    for writer in writers:
        writer.stop(deadline)
    for writer in writers:
        writer.close(max(0.0, deadline - time.monotonic()))


atexit.register(_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=lambda: _after_fork(child=False),
        after_in_child=lambda: _after_fork(child=True),
    )
