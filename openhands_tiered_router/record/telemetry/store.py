"""The file as its one writing thread sees it: opened late, and again if replaced."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from openhands_tiered_router.record.telemetry.opening import UnusableFile, version_of
from openhands_tiered_router.record.telemetry.process import this_process
from openhands_tiered_router.record.telemetry.records import Record
from openhands_tiered_router.record.telemetry.removal import Retention, trim
from openhands_tiered_router.record.telemetry.schema import create
from openhands_tiered_router.record.telemetry.statements import statements


BUSY_SECONDS: Final = 0.25
"""Wait for another process's transaction. Short, because the writer tries again, and
because a fork waits for the writer to come out of SQLite."""

_PRAGMAS: Final = (
    # Before the first table, or not at all: what retention frees goes back to the disk.
    "PRAGMA auto_vacuum = INCREMENTAL",
    "PRAGMA journal_mode = WAL",
    # Safe against a kill in WAL mode; only a power cut can cost the last commits.
    "PRAGMA synchronous = NORMAL",
    "PRAGMA journal_size_limit = 16777216",
    # What is removed takes along what belongs to it.
    "PRAGMA foreign_keys = ON",
)

_BAD_VALUE: Final = (
    sqlite3.DataError,
    sqlite3.IntegrityError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
)
"""Errors of one record's values; the records beside it are fine."""


class Store:
    """Writes batches to one SQLite file. For one thread at a time.

    Nothing is opened before the first batch. The file may disappear or be replaced
    at any time: the next batch goes to whatever has the path then.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None

    def write(self, batch: Sequence[Record]) -> int:
        """Puts the batch on disk in one transaction.

        Returns:
            How many records were left out because a value in them cannot be stored.

        Raises:
            UnusableFile: The file is not for us to write, or corrupt.
            sqlite3.Error, OSError: Nothing of the batch was written; try again later.
        """
        try:
            return self._write(batch)
        except (sqlite3.Error, OSError) as error:
            if not is_busy(error):
                # A connection does not notice that a disk has become writable again.
                self.close()
            if _code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
                raise UnusableFile(
                    f"it is corrupt ({error}); move it away, and a new one is begun"
                ) from error
            raise

    def trim(self, keep: Retention, now: float) -> bool:
        """Removes some of what is beyond the limits; see ``removal.trim``."""
        return trim(self._open(), keep, now)

    def close(self) -> None:
        """Lets go of the file; the next batch opens it again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    def _write(self, batch: Sequence[Record]) -> int:
        connection = self._open()
        connection.execute("BEGIN IMMEDIATE")
        try:
            rejected = sum(not _put(connection, record) for record in batch)
            connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise
        return rejected

    def _open(self) -> sqlite3.Connection:
        if self._connection is not None and self._identity == _identity(self._path):
            return self._connection
        self.close()
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Closing may happen in the thread that forks; see writer.
        connection = sqlite3.connect(
            self._path,
            timeout=BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            version_of(connection)  # a file that is not ours stays as it is
            for pragma in _PRAGMAS:
                connection.execute(pragma)
            create(connection)
        except BaseException:
            connection.close()
            raise
        self._connection, self._identity = connection, _identity(self._path)
        return connection


def _put(connection: sqlite3.Connection, record: Record) -> bool:
    try:
        for sql, values in statements(record, this_process()):
            connection.execute(sql, values)
    except _BAD_VALUE:
        return False
    except sqlite3.Error:
        raise
    except Exception:  # a value of a wrong type; whose, the caller's tests must tell
        return False
    return True


def is_busy(error: Exception) -> bool:
    """Whether it only says that another process is writing."""
    return _code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _code(error: Exception) -> int | None:
    """SQLite's primary result code."""
    extended = getattr(error, "sqlite_errorcode", None)
    return None if extended is None else extended & 0xFF


def _identity(path: Path) -> tuple[int, int] | None:
    """Device and inode; ``None``: there is no file."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino
