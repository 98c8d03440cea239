"""State of one machine, in an SQLite file."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from openhands_tiered_router.calls.state.store import Change, StateUnavailable, Value


BUSY_SECONDS: Final = 5.0
"""Wait for other processes' transactions, each of which takes well below 1 ms."""

_SETUP: Final = (
    "PRAGMA journal_mode = WAL",
    # Safe against a kill in WAL mode; only a power cut can cost the last commits.
    "PRAGMA synchronous = NORMAL",
    "CREATE TABLE IF NOT EXISTS state("
    "key TEXT PRIMARY KEY, value BLOB NOT NULL, expires REAL) WITHOUT ROWID",
)
_PUT: Final = (
    "INSERT INTO state VALUES (?, ?, ?) ON CONFLICT (key) "
    "DO UPDATE SET value = excluded.value, expires = excluded.expires"
)

_abandoned: Final[list[sqlite3.Connection]] = []
"""Connections of a parent process, which a child must neither use nor close."""


class SqliteStore:
    """A ``StateStore`` that the processes of one machine share.

    Each change is a transaction of its own and survives a kill at any point: either
    it is all there or nothing of it. Opened at the first use.
    """

    local = False

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock = clock
        self._connection: sqlite3.Connection | None = None
        self._lock = threading.Lock()

    def apply[T](self, key: str, change: Change[T], *, ttl: float | None = None) -> T:
        with self._open() as connection:
            # Takes the write lock before reading: the value cannot change meanwhile.
            connection.execute("BEGIN IMMEDIATE")
            try:
                value, result = change(self._get(connection, key))
                if value is None:
                    connection.execute("DELETE FROM state WHERE key = ?", (key,))
                else:
                    expires = None if ttl is None else self._clock() + ttl
                    row = (key, msgspec.json.encode(value), expires)
                    connection.execute(_PUT, row)
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
            return result

    def read(self, key: str) -> Value | None:
        with self._open() as connection:
            return self._get(connection, key)

    def after_fork(self) -> None:
        """A forked child's copy: opens the file anew."""
        if self._connection is not None:
            _abandoned.append(self._connection)
        self._connection = None
        self._lock = threading.Lock()

    def close(self) -> None:
        """Closes the file; a later use opens it again."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection = None

    def _get(self, connection: sqlite3.Connection, key: str) -> Value | None:
        row = connection.execute(
            "SELECT value FROM state WHERE key = ? "
            "AND (expires IS NULL OR expires > ?)",
            (key, self._clock()),
        ).fetchone()
        return msgspec.json.decode(row[0]) if row else None

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                if self._connection is None:
                    self._connection = self._connect()
                yield self._connection
            except (sqlite3.Error, OSError, msgspec.DecodeError) as error:
                # A connection does not notice that its file was replaced or mended.
                if self._connection is not None:
                    self._connection.close()
                self._connection = None
                raise StateUnavailable(
                    f"state file {self._path}: {type(error).__name__}: {error}; "
                    "see that the directory can be written to and has room, or set "
                    "[state] path"
                ) from error

    def _connect(self) -> sqlite3.Connection:
        """Opens the file. Processes that create it at the same time do not wait for
        each other's change to WAL, whatever the timeout, so it is tried again."""
        end = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                return self._set_up()
            except sqlite3.OperationalError as error:
                code = getattr(error, "sqlite_errorcode", 0)
                if code & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                    raise
                time.sleep(0.01)

    def _set_up(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        connection = sqlite3.connect(
            self._path,
            timeout=BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            for statement in _SETUP:
                connection.execute(statement)
            connection.execute("DELETE FROM state WHERE expires <= ?", (self._clock(),))
        except sqlite3.Error:
            connection.close()
            raise
        return connection
