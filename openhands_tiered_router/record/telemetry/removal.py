"""Taking conversations out of the file: what is too old or too much, or not wanted."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from openhands_tiered_router.record.telemetry.opening import (
    NO_CONVERSATION,
    TelemetryReadError,
    reading,
)


DAY: Final = 86_400.0
MEGABYTE: Final = 1_000_000

_TOGETHER: Final = 25
"""Conversations that a transaction removes: some 50 ms, in which others wait."""

_FREED: Final = 2_000
"""Pages that go back to the disk at a time."""

_BUSY_SECONDS: Final = 60.0
"""Wait for others to be done with the file or its log: after a rewrite the log is as
long as the file, and who commits next may be writing it back."""


@dataclass(frozen=True, slots=True)
class Retention:
    """How much is kept; ``None``: any amount."""

    days: int | None = None
    """Conversations without a record for longer are removed."""
    megabytes: int | None = None
    """Size above which the oldest conversations are removed."""


def trim(connection: sqlite3.Connection, keep: Retention, now: float) -> bool:
    """Removes some of what is beyond the limits, in one short transaction.

    Args:
        connection: Open for writing, in no transaction, with foreign keys on.
        keep: The limits.
        now: Seconds since the epoch.

    Returns:
        Whether there was any: then there may be more.
    """
    full = keep.megabytes is not None and _used(connection) > keep.megabytes * MEGABYTE
    old = float("-inf") if keep.days is None else now - keep.days * DAY
    values = {"nobody": NO_CONVERSATION, "most": _TOGETHER, "full": full, "old": old}
    connection.execute("BEGIN IMMEDIATE")
    try:
        removed = sum(connection.execute(sql, values).rowcount for sql in _TRIM)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    if removed:
        connection.execute(f"PRAGMA incremental_vacuum({_FREED})").fetchall()
    return removed > 0


def _used(connection: sqlite3.Connection) -> int:
    """Bytes of the file that hold something."""
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    (free,) = connection.execute("PRAGMA freelist_count").fetchone()
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    return (pages - free) * size


def purge(path: Path, conversation_id: str) -> int | None:
    """Removes every trace of a conversation from the file, its free space and its log.

    What a process that serves the conversation records later is a new trace. While the
    file is rewritten nobody else can write, and it takes twice its size on the disk.

    Args:
        path: The file.
        conversation_id: The conversation's.

    Returns:
        How many decisions there were; ``None``: the conversation was not recorded.

    Raises:
        TelemetryReadError: The file cannot be read or written, or is in use for long.
    """
    # Here, because the writer imports this module for retention alone.
    from openhands_tiered_router.record.telemetry.statements import stored_id

    name = {"id": stored_id(conversation_id)}
    with reading(path) as connection:
        if connection is None or not connection.execute(_KNOWN, name).fetchone():
            return None
    with _erasing(path) as connection:
        (decisions,) = connection.execute(_DECISIONS, name).fetchone()
        connection.execute("DELETE FROM conversations WHERE id = :id", name)
        return decisions


def purge_texts(path: Path) -> int:
    """Removes all that was said, and nothing else; how many calls had texts.

    Raises:
        TelemetryReadError: The file cannot be read or written, or is in use for long.
    """
    with reading(path) as connection:
        if connection is None:
            return 0
    with _erasing(path) as connection:
        return connection.execute("DELETE FROM texts").rowcount


@contextmanager
def _erasing(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection in no transaction; afterwards nothing of what it deletes is left.

    Rows that grew or moved before have left copies in pages, so the file is rewritten.

    Raises:
        TelemetryReadError: The file cannot be written, or is in use for long.
    """
    uri = f"{path.absolute().as_uri()}?mode=rw"
    try:
        with closing(
            sqlite3.connect(uri, _BUSY_SECONDS, isolation_level=None, uri=True)
        ) as connection:
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA secure_delete = ON")
            yield connection
            connection.execute("VACUUM")
            (busy, *_) = connection.execute(
                "PRAGMA wal_checkpoint(TRUNCATE)"
            ).fetchone()
            if busy:
                raise sqlite3.OperationalError("its log is in use")
    except sqlite3.Error as error:
        raise TelemetryReadError(
            f"{path} cannot be purged: {error}; end the processes that use it, and "
            "try again"
        ) from error


_NOBODY: Final = "conversation = (SELECT key FROM conversations WHERE id = :nobody)"

_TRIM: Final = (
    """
    DELETE FROM conversations WHERE key IN (
        SELECT key FROM conversations
        WHERE id != :nobody AND (:full OR coalesce(last, 0) < :old)
        ORDER BY last LIMIT :most
    )
    """,
    # Calls outside of conversations go one by one.
    f"DELETE FROM decisions WHERE time < :old AND {_NOBODY}",
    f"DELETE FROM tool_results WHERE time < :old AND {_NOBODY}",
)

_KNOWN: Final = "SELECT 1 FROM conversations WHERE id = :id"
_DECISIONS: Final = """
    SELECT count(*) FROM decisions
    WHERE conversation = (SELECT key FROM conversations WHERE id = :id)
"""
