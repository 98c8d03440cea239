"""Answers that were paid for once: an exact cache in a file.

A key is a digest of all that an answer depends on. Nothing is looked up by likeness:
an answer to a similar question may be wrong.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final


MOST_ENTRIES: Final = 10_000
MOST_CHARS: Final = 200_000
"""Of an answer; a longer one is not kept."""
_WAIT: Final = 1.0
"""Seconds that a locked file is waited for: then the model is asked."""
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS answers (
    key TEXT PRIMARY KEY, at REAL NOT NULL, answer TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_age ON answers (at);
"""


def digest(parts: Mapping[str, Any]) -> str:
    """A key, of everything that the answer depends on."""
    text = json.dumps(parts, sort_keys=True, default=repr, ensure_ascii=False)
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


class Answers:
    """The file; opened for each use. Its methods block, and raise ``sqlite3.Error`` or
    ``OSError`` where it cannot be used."""

    def __init__(self, path: Path, hours: float) -> None:
        """
        Args:
            path: SQLite file; made when it is first written.
            hours: After which an answer is asked for anew.
        """
        self.path = path
        self._seconds = 3_600.0 * hours

    def find(self, key: str) -> str | None:
        """The answer that is kept; ``None``: none, or it is too old."""
        if not self.path.exists():
            return None
        since = time.time() - self._seconds
        with self._opened() as db:
            sought = "SELECT answer FROM answers WHERE key = ? AND at >= ?"
            row = db.execute(sought, (key, since)).fetchone()
        return None if row is None else row[0]

    def keep(self, key: str, answer: str) -> None:
        """Keeps an answer; the oldest go."""
        if len(answer) > MOST_CHARS:
            return
        now = time.time()
        with self._opened() as db, db:
            db.execute("BEGIN IMMEDIATE")
            db.execute(
                "INSERT OR REPLACE INTO answers VALUES (?,?,?)", (key, now, answer)
            )
            db.execute("DELETE FROM answers WHERE at < ?", (now - self._seconds,))
            db.execute(
                "DELETE FROM answers WHERE key IN (SELECT key FROM answers"
                " ORDER BY at DESC LIMIT -1 OFFSET ?)",
                (MOST_ENTRIES,),
            )

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Made first, so that nobody else can read it at any time.
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
        db = sqlite3.connect(self.path, timeout=_WAIT, isolation_level=None)
        with closing(db):
            db.executescript(_SCHEMA)
            yield db
