"""The tables of the telemetry file."""

from __future__ import annotations

import sqlite3
from typing import Final

from openhands_tiered_router.record.telemetry.opening import (
    APPLICATION_ID,
    VERSION,
    version_of,
)
from openhands_tiered_router.record.telemetry.records import (
    JUDGED,
    RECORDED,
    ToolResult,
    Verdict,
)
from openhands_tiered_router.record.telemetry.sums import KEYS, MISROUTED, SUMS


CALL_COLUMNS: Final = (*RECORDED, *JUDGED)
"""Of ``decisions``, beside its keys and ``attempts``."""

TOOL_COLUMNS: Final = tuple(
    f for f in ToolResult.__struct_fields__ if not f.endswith("_id")
)
VERDICT_COLUMNS: Final = tuple(
    f for f in Verdict.__struct_fields__ if f != "conversation_id"
)


def create(connection: sqlite3.Connection) -> None:
    """Makes the tables in an empty file; safe with other processes doing the same.

    Raises:
        UnusableFile: It is another program's, or of another version. Nothing in it
            was changed.
        sqlite3.Error: It could not be read or written.
    """
    if version_of(connection):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Again, now that no other process can do it at the same time.
        if not version_of(connection):
            for statement in statements():
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


# What belongs to a conversation or a call goes with it.
_CONVERSATION: Final = (
    "conversation INTEGER NOT NULL REFERENCES conversations ON DELETE CASCADE"
)
_DECISION: Final = "decision INTEGER PRIMARY KEY REFERENCES decisions ON DELETE CASCADE"

# Columns have no types: SQLite then keeps each value as the record has it.
_TABLES: Final = (
    """
    CREATE TABLE conversations (
        key INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, config, process, first, last,
        stale NOT NULL DEFAULT 1
    )
    """,
    "CREATE TABLE tier_sets (key INTEGER PRIMARY KEY, endpoints TEXT UNIQUE)",
    f"""
    CREATE TABLE decisions (
        key INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, {_CONVERSATION}, tier_set,
        {", ".join(CALL_COLUMNS)}, attempts
    )
    """,
    # Narrow rows are quick to scan, and explanations can be dropped by themselves.
    f"CREATE TABLE explanations ({_DECISION}, body BLOB NOT NULL)",
    f"CREATE TABLE texts ({_DECISION}, request, answer)",
    f"""
    CREATE TABLE tool_results (
        {_CONVERSATION}, response TEXT NOT NULL, call TEXT NOT NULL,
        {", ".join(TOOL_COLUMNS)}, PRIMARY KEY (conversation, response, call)
    ) WITHOUT ROWID
    """,
    f"""
    CREATE TABLE guard_events (
        key INTEGER PRIMARY KEY, {_CONVERSATION}, time, guard, kind, detail
    )
    """,
    f"""
    CREATE TABLE verdicts (
        key INTEGER PRIMARY KEY, {_CONVERSATION}, {", ".join(VERDICT_COLUMNS)}
    )
    """,
    f"CREATE TABLE summaries ({_CONVERSATION}, {', '.join(KEYS)}, {', '.join(SUMS)})",
    "CREATE TABLE losses (time, count)",
)

_INDEXES: Final = (
    "CREATE INDEX stale_conversations ON conversations (last) WHERE stale",
    "CREATE INDEX conversations_by_last ON conversations (last)",
    "CREATE INDEX decisions_by_conversation ON decisions (conversation, time)",
    "CREATE INDEX decisions_by_time ON decisions (time)",
    "CREATE INDEX events_by_conversation ON guard_events (conversation, time)",
    "CREATE INDEX events_by_guard ON guard_events (guard, time)",
    "CREATE INDEX verdicts_by_conversation ON verdicts (conversation, time)",
    "CREATE INDEX summaries_by_conversation ON summaries (conversation)",
    "CREATE INDEX misrouted_decisions ON decisions (provision DESC, cost DESC) "
    f"WHERE {MISROUTED}",
)


def statements() -> tuple[str, ...]:
    """SQL that makes the tables and their indexes."""
    return (*_TABLES, *_INDEXES)
