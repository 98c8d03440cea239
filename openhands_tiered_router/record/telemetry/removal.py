"""Taking conversations out of the file: what is too old or too much, or not wanted."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import batched
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

_BUSY_SECONDS: Final = 10.0

_CHECKPOINT_SECONDS: Final = 600.0
"""Wait for others to be done with the log: after a rewrite it is as long as the file,
and who commits next may be writing it back."""


@dataclass(frozen=True, slots=True)
class Retention:
    """How much is kept; ``None``: any amount."""

    days: int | None = None
    """Conversations without a record for longer are removed."""
    megabytes: int | None = None
    """Size above which the oldest conversations are removed."""


@dataclass(frozen=True, slots=True)
class Purged:
    """What was removed."""

    conversations: int
    """Sub-agents' conversations are removed with the one that started them."""
    decisions: int
    set_aside: tuple[str, ...]
    """Files that were corrupt once, which may still hold the conversation."""


def trim(connection: sqlite3.Connection, keep: Retention, now: float) -> bool:
    """Removes some of what is beyond the limits, in one short transaction.

    Args:
        connection: Open for writing, in no transaction.
        keep: The limits.
        now: Seconds since the epoch.

    Returns:
        Whether there was any: then there may be more.
    """
    keys = _beyond(connection, keep, now)
    old = 0.0 if keep.days is None else now - keep.days * DAY
    connection.execute("BEGIN IMMEDIATE")
    try:
        delete_conversations(connection, keys)
        single = _delete_single_calls(connection, old)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    if not keys and not single:
        return False
    connection.execute(f"PRAGMA incremental_vacuum({_FREED})").fetchall()
    return True


def _delete_single_calls(connection: sqlite3.Connection, old: float) -> int:
    """Deletes old calls outside of conversations; how many there were."""
    values = {"nobody": NO_CONVERSATION, "old": old}
    for table in _OF_DECISIONS:
        sql = f"DELETE FROM {table} WHERE decision IN (SELECT key FROM {_SINGLE})"
        connection.execute(sql, values)
    deleted = connection.execute(f"DELETE FROM {_SINGLE}", values).rowcount
    if deleted:
        sql = f"DELETE FROM tool_results WHERE time < :old AND {_NOBODY}"
        connection.execute(sql, values)
    return deleted


def _beyond(connection: sqlite3.Connection, keep: Retention, now: float) -> list[int]:
    values = {"nobody": NO_CONVERSATION, "most": _TOGETHER, "old": float("inf")}
    if keep.megabytes is None or _used(connection) <= keep.megabytes * MEGABYTE:
        if keep.days is None:
            return []
        values["old"] = now - keep.days * DAY
    return [key for (key,) in connection.execute(_OLDEST, values)]


def _used(connection: sqlite3.Connection) -> int:
    """Bytes of the file that hold something."""
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    (free,) = connection.execute("PRAGMA freelist_count").fetchone()
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    return (pages - free) * size


def delete_conversations(connection: sqlite3.Connection, keys: Collection[int]) -> int:
    """Deletes all rows of conversations, within the caller's transaction.

    Returns:
        How many decisions there were.
    """
    decisions = 0
    for key in keys:
        for table in _OF_DECISIONS:
            connection.execute(
                f"DELETE FROM {table} WHERE decision IN "
                "(SELECT key FROM decisions WHERE conversation = ?)",
                (key,),
            )
        for table in _OF_CONVERSATIONS:
            connection.execute(f"DELETE FROM {table} WHERE conversation = ?", (key,))
        sql = "DELETE FROM decisions WHERE conversation = ?"
        decisions += connection.execute(sql, (key,)).rowcount
        connection.execute("DELETE FROM conversations WHERE key = ?", (key,))
    return decisions


def purge(path: Path, conversation_id: str, *, rewrite: bool = True) -> Purged:
    """Removes every trace of a conversation from the file, its free space and its log.

    What a process that serves the conversation records later is a new trace.

    Args:
        path: The file.
        conversation_id: The conversation's.
        rewrite: See ``erasing``.

    Raises:
        TelemetryReadError: The file cannot be read or written, or is in use for long.
    """
    # Here, because the writer imports this module for retention alone.
    from openhands_tiered_router.record.telemetry.statements import stored_id

    with reading(path) as connection:
        if connection is None:
            return Purged(0, 0, ())
    aside = tuple(p.name for p in sorted(path.parent.glob(f"{path.name}.corrupt-*")))
    name = stored_id(conversation_id)
    with erasing(path, rewrite=rewrite) as connection:
        # Those that were started by another come before it: who is stopped half-way
        # finds the rest again.
        keys = [key for (key,) in connection.execute(_FAMILY, {"id": name})][::-1]
        decisions = 0
        for some in batched(keys, _TOGETHER):
            connection.execute("BEGIN IMMEDIATE")
            decisions += delete_conversations(connection, some)
            connection.execute("COMMIT")
    return Purged(len(keys), decisions, aside)


def purge_texts(path: Path, *, rewrite: bool = True) -> int:
    """Removes all that was said, and nothing else; how many calls had texts.

    Args:
        path: The file.
        rewrite: See ``erasing``.

    Raises:
        TelemetryReadError: The file cannot be read or written, or is in use for long.
    """
    with reading(path) as connection:
        if connection is None:
            return 0
    removed = 0
    with erasing(path, rewrite=rewrite) as connection:
        while count := connection.execute(_SOME_TEXTS).rowcount:
            removed += count
    return removed


@contextmanager
def erasing(path: Path, *, rewrite: bool) -> Iterator[sqlite3.Connection]:
    """A connection in no transaction by which what is deleted is overwritten.

    Args:
        path: The file.
        rewrite: Whether the file is rewritten in the end. What was deleted is
            overwritten without that too; but rows that grew or moved before have left
            copies in pages, of which a rewrite leaves none. Meanwhile nobody else can
            write, and it takes twice the file's size on the disk.

    Raises:
        TelemetryReadError: The file cannot be written, or is in use for long.
    """
    uri = f"{path.absolute().as_uri()}?mode=rw"
    try:
        with closing(
            sqlite3.connect(uri, _BUSY_SECONDS, isolation_level=None, uri=True)
        ) as connection:
            connection.execute("PRAGMA secure_delete = ON")
            yield connection
            if rewrite:
                connection.execute("VACUUM")
            _empty_log(connection)
    except sqlite3.Error as error:
        raise TelemetryReadError(
            f"{path} cannot be purged: {error}; end the processes that use it, and "
            "try again"
        ) from error


def _empty_log(connection: sqlite3.Connection) -> None:
    deadline = time.monotonic() + _CHECKPOINT_SECONDS
    sql = "PRAGMA wal_checkpoint(TRUNCATE)"
    while connection.execute(sql).fetchone()[0]:
        if time.monotonic() > deadline:
            raise sqlite3.OperationalError("its log is in use")
        time.sleep(0.1)


_OF_DECISIONS: Final = ("explanations", "texts")
"""Tables with the key of a decision."""

_OF_CONVERSATIONS: Final = ("tool_results", "guard_events", "verdicts", "summaries")

_SOME_TEXTS: Final = f"""
    DELETE FROM texts WHERE decision IN (SELECT decision FROM texts LIMIT {_FREED})
"""

_OLDEST: Final = """
    SELECT key FROM conversations WHERE id != :nobody AND coalesce(last, 0) < :old
    ORDER BY last LIMIT :most
"""

_NOBODY: Final = "conversation = (SELECT key FROM conversations WHERE id = :nobody)"
_SINGLE: Final = f"decisions WHERE time < :old AND {_NOBODY}"

_FAMILY: Final = """
    WITH RECURSIVE family (key, id) AS (
        SELECT key, id FROM conversations WHERE id = :id
        UNION
        SELECT c.key, c.id FROM conversations c JOIN family f ON c.parent_id = f.id
    )
    SELECT key FROM family
"""
