"""Digests of conversations: those that are kept, and what changed since anew."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from openhands_tiered_router.record.telemetry.digest import (
    Caching,
    Digest,
    cachings,
    decoded,
)
from openhands_tiered_router.record.telemetry.digesting import (
    Names,
    Row,
    digest,
    levels_of,
)
from openhands_tiered_router.record.telemetry.tier_sets import decode_tier_set


def digests(
    connection: sqlite3.Connection,
    since: float = 0.0,
    until: float = float("inf"),
    conversation: int | None = None,
) -> Iterator[Digest]:
    """Of each conversation with decisions in that time, what it did in it.

    Calls outside of conversations count as one, which is never kept.

    Args:
        connection: Open for reading.
        since: Seconds since the epoch, included.
        until: Seconds since the epoch, not included.
        conversation: Key of the only one; ``None``: all.
    """
    names = read_names(connection)
    sql = _KEPT if conversation is None else f"{_KEPT} AND c.key = :only"
    span = {"since": since, "until": until, "only": conversation}
    for key, first, last, body in _tuples(connection).execute(sql, span):
        kept = None
        if body is not None and since <= first and last < until:
            kept = _decoded(key, body)
        if kept is None:
            rows = read_rows(connection, key, until)
            kept = digest(key, rows, names, since, until)
        yield kept


def _decoded(conversation: int, body: bytes) -> Digest | None:
    """``None``: it is broken, which costs the time to add up again."""
    try:
        return decoded(conversation, body)
    except ValueError:
        return None


def read_names(connection: sqlite3.Connection) -> Names:
    """What the numbers in rows stand for, of the whole file."""
    names = _tuples(connection).execute("SELECT key, name FROM names").fetchall()
    sets = _tuples(connection).execute("SELECT key, endpoints FROM tier_sets")
    return Names(
        agent=next((key for key, name in names if name == "agent"), None),
        levels=dict(levels_of(names)),
        cachings={key: _cachings(text) for key, text in sets},
    )


@lru_cache(256)
def _cachings(endpoints: str) -> tuple[Caching, ...]:
    return cachings(decode_tier_set(endpoints))


def read_rows(
    connection: sqlite3.Connection, conversation: int, until: float = float("inf")
) -> Iterator[Row]:
    """A conversation's decisions before that time, in order."""
    values = {"only": conversation, "until": until}
    return map(Row._make, _tuples(connection).execute(_ROWS, values))


def _tuples(connection: sqlite3.Connection) -> sqlite3.Cursor:
    cursor = connection.cursor()
    cursor.row_factory = None
    return cursor


# A kept digest without decisions has no times, and passes neither comparison.
_KEPT: Final = """
    SELECT c.key, d.first, d.last, d.body
    FROM conversations c LEFT JOIN digests d ON d.conversation = c.key AND NOT c.stale
    WHERE coalesce(c.last >= :since, 1)
        AND (d.conversation IS NULL OR (d.last >= :since AND d.first < :until))
"""

_ROWS: Final = f"""
    SELECT {", ".join(Row._fields)} FROM decision_rows
    WHERE conversation = :only AND time < :until ORDER BY time, key
"""
