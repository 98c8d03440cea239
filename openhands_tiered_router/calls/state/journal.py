"""What was changed while shared state was away, kept beyond the end of the process.

Whoever reaches that state next makes the changes there: the process that noted them,
or any later one on this machine. A kill at any point loses none, but may have the last
few made twice, which counts once (see ``Noted``).
"""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Final, NamedTuple

from openhands_tiered_router.calls.state.store import Noted


_SETUP: Final = (
    "CREATE TABLE IF NOT EXISTS journal(number INTEGER PRIMARY KEY, place TEXT NOT "
    "NULL, key TEXT NOT NULL, ttl REAL, kind TEXT NOT NULL, body TEXT NOT NULL)"
)
_ADD: Final = "INSERT INTO journal(place, key, ttl, kind, body) VALUES (?, ?, ?, ?, ?)"
_ROWS: Final = (
    "SELECT number, key, ttl, kind, body FROM journal WHERE place = ? "
    "ORDER BY number LIMIT ?"
)
BATCH: Final = 32
"""Changes made before that is noted: fewer than a ledger remembers by their ids."""
BUSY_SECONDS: Final = 2.0

_log = logging.getLogger(__name__)


class Entry(NamedTuple):
    """One change that waits."""

    key: str
    ttl: float | None
    kind: str
    body: dict[str, Any]


class Journal:
    """A file of one user; opened when something is noted, or was."""

    def __init__(self, path: Path, place: str) -> None:
        """``place``: tells the shared state from others, without its password."""
        self._path = path
        self._place = place
        self._lock = threading.Lock()
        self._told = False

    def note(self, key: str, change: Noted[Any], ttl: float | None) -> bool:
        """Keeps a change; whether it could."""
        row = (self._place, key, ttl, change.kind, json.dumps(change.body))
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with self._lock, closing(self._open()) as connection:
                connection.execute(_SETUP)
                connection.execute(_ADD, row)
            return True
        except (OSError, sqlite3.Error) as error:
            self._tell(error)
            return False

    def make(self, make: Callable[[Entry], None]) -> None:
        """Has what was noted made, the oldest first, by one process at a time. What
        ``make`` raises ends it; the last ``BATCH`` may then be made again."""
        if not self._path.exists():
            return
        try:
            with self._lock, closing(self._open()) as connection:
                connection.execute(_SETUP)
                while self._make_batch(connection, make):
                    pass
        except sqlite3.Error as error:
            self._tell(error)

    def _make_batch(
        self, connection: sqlite3.Connection, make: Callable[[Entry], None]
    ) -> bool:
        connection.execute("BEGIN IMMEDIATE")
        try:
            rows = connection.execute(_ROWS, (self._place, BATCH)).fetchall()
            for number, key, ttl, kind, body in rows:
                make(Entry(key, ttl, kind, json.loads(body)))
                connection.execute("DELETE FROM journal WHERE number = ?", [number])
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        return bool(rows)

    def after_fork(self) -> None:
        self._lock = threading.Lock()

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, timeout=BUSY_SECONDS, isolation_level=None)

    def _tell(self, error: Exception) -> None:
        if not self._told:
            self._told = True
            _log.error(
                "shared state: %s cannot be used (%s); what is spent while the state "
                "is away is lost if this process ends",
                self._path,
                type(error).__name__,
            )
