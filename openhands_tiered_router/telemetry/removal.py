"""Taking conversations out of the file: what is too old or too much, or not wanted."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from openhands_tiered_router.telemetry.files import TelemetryReadError, reading
from openhands_tiered_router.telemetry.rows import (
    NAMED,
    NO_CONVERSATION,
    stored_conversation_id,
)


DAY: Final = 86_400.0
MEGABYTE: Final = 1_000_000

_TOGETHER: Final = 25
"""Conversations that a transaction removes: some 50 ms, in which others wait."""

_FREED: Final = 2_000
"""Pages that go back to the disk at a time."""

_BUSY_SECONDS: Final = 10.0


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
    connection.execute(_SINGLE_EXPLANATIONS, values)
    deleted = connection.execute(_SINGLE_CALLS, values).rowcount
    if deleted:
        connection.execute(_SINGLE_TOOLS, values)
        connection.execute(_SINGLE_TASKS, values)
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
        for table in ("explanation_rows", "situations"):
            connection.execute(
                f"DELETE FROM {table} WHERE decision IN "
                "(SELECT key FROM decision_rows WHERE conversation = ?)",
                (key,),
            )
        for table in ("tool_rows", "tasks", "guard_events", "verdicts", "digests"):
            connection.execute(f"DELETE FROM {table} WHERE conversation = ?", (key,))
        sql = "DELETE FROM decision_rows WHERE conversation = ?"
        decisions += connection.execute(sql, (key,)).rowcount
        connection.execute("DELETE FROM conversations WHERE key = ?", (key,))
    return decisions


def purge(path: Path, conversation_id: str) -> Purged:
    """Removes every trace of a conversation from the file, its free space and its log.

    What a process that serves the conversation records later is a new trace.

    Raises:
        TelemetryReadError: The file cannot be read or written, or is in use for long.
    """
    with reading(path) as connection:
        if connection is None:
            return Purged(0, 0, ())
    aside = tuple(p.name for p in sorted(path.parent.glob(f"{path.name}.corrupt-*")))
    uri = f"{path.absolute().as_uri()}?mode=rw"
    try:
        with closing(
            sqlite3.connect(uri, _BUSY_SECONDS, isolation_level=None, uri=True)
        ) as connection:
            keys, decisions = _purge(connection, conversation_id)
    except sqlite3.Error as error:
        raise TelemetryReadError(
            f"{path} cannot be purged: {error}; end the processes that use it, and "
            "try again"
        ) from error
    return Purged(len(keys), decisions, aside)


def _purge(
    connection: sqlite3.Connection, conversation_id: str
) -> tuple[list[int], int]:
    connection.execute("PRAGMA secure_delete = ON")
    connection.execute("BEGIN IMMEDIATE")
    name = stored_conversation_id(conversation_id)
    keys = [key for (key,) in connection.execute(_FAMILY, {"id": name})]
    decisions = delete_conversations(connection, keys)
    connection.execute(_unused_names())
    connection.execute("COMMIT")
    # Rows that grew or moved before have left bytes in pages; a rewrite has none. It
    # also makes a file of an earlier release one that can shrink.
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute("VACUUM")
    (busy, *_) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:
        raise sqlite3.OperationalError("its log is in use")
    return keys, decisions


def _unused_names() -> str:
    """Names of tools come from models: those of this conversation alone go too."""
    tools = {"tool_name", "status", "action_kind"}
    uses = [f"SELECT {c} FROM decision_rows" for c in sorted(NAMED - tools)]
    uses += [f"SELECT {c} FROM tool_rows" for c in sorted(tools)]
    used = " UNION ".join(uses)
    return (
        f"WITH used (key) AS ({used}) DELETE FROM names "
        f"WHERE key > {_SEEDED} AND NOT EXISTS "
        "(SELECT 1 FROM used WHERE used.key = names.key)"
    )


_SEEDED: Final = 6
"""Names that a file has from the start: those of the statuses."""

_OLDEST: Final = """
    SELECT key FROM conversations WHERE id != :nobody AND coalesce(last, 0) < :old
    ORDER BY last LIMIT :most
"""

_NOBODY: Final = "conversation = (SELECT key FROM conversations WHERE id = :nobody)"
_SINGLE: Final = f"FROM decision_rows WHERE time < :old AND {_NOBODY}"
_SINGLE_CALLS: Final = f"DELETE {_SINGLE}"
_SINGLE_EXPLANATIONS: Final = f"""
    DELETE FROM explanation_rows WHERE decision IN (SELECT key {_SINGLE})
"""
_SINGLE_TOOLS: Final = f"DELETE FROM tool_rows WHERE time < :old AND {_NOBODY}"
_SINGLE_TASKS: Final = f"""
    DELETE FROM tasks WHERE {_NOBODY} AND key NOT IN (
        SELECT task FROM explanation_rows WHERE task IS NOT NULL
        AND decision IN (SELECT key FROM decision_rows WHERE {_NOBODY})
    )
"""

_FAMILY: Final = """
    WITH RECURSIVE family (key, id) AS (
        SELECT key, id FROM conversations WHERE id = :id
        UNION
        SELECT c.key, c.id FROM conversations c JOIN family f ON c.parent_id = f.id
    )
    SELECT key FROM family
"""
