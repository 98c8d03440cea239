"""The tables of the telemetry file, and whose file it is."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from functools import cache
from typing import Any, Final, get_type_hints

from openhands_tiered_router.record.telemetry.calls import DECIDED, ENDED, JUDGED
from openhands_tiered_router.record.telemetry.opening import (
    APPLICATION_ID,
    VERSION,
    version_of,
)
from openhands_tiered_router.record.telemetry.records import (
    Call,
    ToolResult,
    Verdict,
)
from openhands_tiered_router.record.telemetry.sums import KEYS, MISROUTED, SUMS


CALL_COLUMNS: Final = ("time", "tier_set", *DECIDED, *ENDED, *JUDGED)
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


@cache
def flags(struct: type[Any]) -> frozenset[str]:
    """The fields that are flags: SQLite gives them back as 0 and 1."""
    return frozenset(n for n, t in _types(struct).items() if t == "BOOLEAN")


@cache
def _types(struct: type[Any]) -> dict[str, str]:
    hints = get_type_hints(struct)
    return {name: _type(str(hint)) for name, hint in hints.items()}


def _type(hint: str) -> str:
    for python, sql in (("bool", "BOOLEAN"), ("float", "REAL"), ("int", "INTEGER")):
        if python in hint:
            return sql
    return "TEXT"


def _columns(struct: type[Any], names: Iterable[str]) -> str:
    types = _types(struct)
    return ", ".join(f"{name} {types[name]}" for name in names)


_CONVERSATION: Final = "conversation INTEGER NOT NULL REFERENCES conversations (key)"


_INDEXES: Final = (
    "CREATE INDEX stale_conversations ON conversations (last) WHERE stale",
    "CREATE INDEX conversations_by_last ON conversations (last)",
    "CREATE INDEX decisions_by_conversation ON decisions (conversation, time)",
    "CREATE INDEX decisions_by_time ON decisions (time)",
    "CREATE INDEX events_by_conversation ON guard_events (conversation, time)",
    "CREATE INDEX events_by_guard ON guard_events (guard, time)",
    "CREATE INDEX verdicts_by_conversation ON verdicts (conversation, time)",
    "CREATE INDEX summaries_by_conversation ON summaries (conversation)",
    "CREATE INDEX misrouted_decisions ON decisions (quality, time DESC) "
    f"WHERE {MISROUTED}",
)


def statements() -> tuple[str, ...]:
    """SQL that makes the tables and their indexes."""
    return (*_tables(), *_INDEXES)


def _tables() -> tuple[str, ...]:
    return (
        """
        CREATE TABLE conversations (
            key INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            parent_id TEXT,
            config TEXT,
            process TEXT,
            first REAL,
            last REAL,
            stale INTEGER NOT NULL DEFAULT 1
        )
        """,
        "CREATE TABLE tier_sets (key INTEGER PRIMARY KEY, endpoints TEXT UNIQUE)",
        f"""
        CREATE TABLE decisions (
            key INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, {_CONVERSATION},
            {_columns(Call, CALL_COLUMNS)}, attempts TEXT
        )
        """,
        # Narrow rows are quick to scan, and explanations can be dropped by themselves.
        """
        CREATE TABLE explanations (
            decision INTEGER PRIMARY KEY REFERENCES decisions (key),
            body BLOB NOT NULL
        )
        """,
        """
        CREATE TABLE texts (
            decision INTEGER PRIMARY KEY REFERENCES decisions (key),
            request TEXT,
            answer TEXT
        )
        """,
        f"""
        CREATE TABLE tool_results (
            {_CONVERSATION}, response TEXT NOT NULL, call TEXT NOT NULL,
            {_columns(ToolResult, TOOL_COLUMNS)},
            PRIMARY KEY (conversation, response, call)
        ) WITHOUT ROWID
        """,
        f"""
        CREATE TABLE guard_events (
            key INTEGER PRIMARY KEY, {_CONVERSATION}, time REAL NOT NULL,
            guard TEXT NOT NULL, kind TEXT NOT NULL, detail TEXT NOT NULL
        )
        """,
        f"""
        CREATE TABLE verdicts (
            key INTEGER PRIMARY KEY, {_CONVERSATION},
            {_columns(Verdict, VERDICT_COLUMNS)}
        )
        """,
        f"""
        CREATE TABLE summaries (
            conversation INTEGER NOT NULL, {", ".join(KEYS)}, {", ".join(SUMS)}
        )
        """,
        "CREATE TABLE losses (time REAL, count INTEGER)",
    )
