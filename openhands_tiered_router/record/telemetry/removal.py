"""Taking conversations out of the file: what is too old or too much, or not wanted."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from dataclasses import dataclass
from itertools import batched
from pathlib import Path
from typing import Final

from openhands_tiered_router.record.telemetry.erasing import (
    erasing,
    forget_names,
    names_of,
)
from openhands_tiered_router.record.telemetry.files import reading
from openhands_tiered_router.record.telemetry.rows import (
    NO_CONVERSATION,
    stored_conversation_id,
)


DAY: Final = 86_400.0
MEGABYTE: Final = 1_000_000

_TOGETHER: Final = 25
"""Conversations that a transaction removes: some 50 ms, in which others wait."""

_FREED: Final = 2_000
"""Pages that go back to the disk at a time."""


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
        sql = f"DELETE FROM {table} WHERE decision IN (SELECT key {_SINGLE})"
        connection.execute(sql, values)
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
        for table in _OF_DECISIONS:
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
    with reading(path) as connection:
        if connection is None:
            return Purged(0, 0, ())
    aside = tuple(p.name for p in sorted(path.parent.glob(f"{path.name}.corrupt-*")))
    name = stored_conversation_id(conversation_id)
    with erasing(path, rewrite=rewrite) as connection:
        # Those that were started by another come before it: who is stopped half-way
        # finds the rest again.
        keys = [key for (key,) in connection.execute(_FAMILY, {"id": name})][::-1]
        names = names_of(connection, keys)
        decisions = 0
        for some in batched(keys, _TOGETHER):
            connection.execute("BEGIN IMMEDIATE")
            decisions += delete_conversations(connection, some)
            connection.execute("COMMIT")
        forget_names(connection, names)
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


_OF_DECISIONS: Final = ("explanation_rows", "situations", "texts")
"""Tables with the key of a decision."""

_SOME_TEXTS: Final = f"""
    DELETE FROM texts WHERE decision IN (SELECT decision FROM texts LIMIT {_FREED})
"""

_OLDEST: Final = """
    SELECT key FROM conversations WHERE id != :nobody AND coalesce(last, 0) < :old
    ORDER BY last LIMIT :most
"""

_NOBODY: Final = "conversation = (SELECT key FROM conversations WHERE id = :nobody)"
_SINGLE: Final = f"FROM decision_rows WHERE time < :old AND {_NOBODY}"
_SINGLE_CALLS: Final = f"DELETE {_SINGLE}"
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
