"""Tables of the telemetry file, and their versions."""

from __future__ import annotations

import sqlite3
from typing import Final


APPLICATION_ID: Final = 0x54524F55
"""Marks a file as ours (``PRAGMA application_id``); spells "TROU"."""

MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (
    (
        """
        CREATE TABLE conversations (
            key INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            parent_id TEXT
        )
        """,
        # Narrow, because reports scan it: what explains a decision stands apart,
        # and can be dropped earlier than the numbers.
        """
        CREATE TABLE decisions (
            key INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            conversation INTEGER REFERENCES conversations (key),
            turn INTEGER,
            purpose TEXT,
            time REAL,
            policy TEXT,
            tier TEXT,
            endpoint TEXT,
            model TEXT,
            need TEXT,
            floor TEXT,
            cap TEXT,
            pinned INTEGER,
            score REAL,
            p_mechanical REAL,
            propensity REAL,
            estimated_now REAL,
            estimated_return REAL,
            overhead_us REAL,
            answered INTEGER,
            served_tier TEXT,
            served_endpoint TEXT,
            served_model TEXT,
            prompt_tokens INTEGER,
            completion_tokens INTEGER,
            cache_read_tokens INTEGER,
            cache_write_tokens INTEGER,
            reasoning_tokens INTEGER,
            cost REAL,
            seconds REAL,
            first_token_seconds REAL,
            attempts TEXT,
            error_kind TEXT,
            response_id TEXT
        )
        """,
        """
        CREATE TABLE explanations (
            decision INTEGER PRIMARY KEY REFERENCES decisions (key),
            fallbacks TEXT NOT NULL,
            candidates TEXT NOT NULL,
            reasons TEXT NOT NULL,
            dimensions TEXT NOT NULL
        )
        """,
        """
        CREATE TABLE tool_results (
            conversation INTEGER NOT NULL REFERENCES conversations (key),
            response_id TEXT NOT NULL,
            tool_call_id TEXT NOT NULL,
            tool_name TEXT NOT NULL,
            time REAL NOT NULL,
            status TEXT NOT NULL,
            action_kind TEXT,
            exit_code INTEGER,
            is_error INTEGER,
            failed INTEGER,
            seconds REAL,
            rework INTEGER,
            PRIMARY KEY (conversation, response_id, tool_call_id)
        ) WITHOUT ROWID
        """,
        "CREATE TABLE losses (time REAL, count INTEGER)",
        "CREATE INDEX decisions_by_conversation ON decisions (conversation, time)",
        "CREATE INDEX decisions_by_time ON decisions (time)",
        "CREATE INDEX decisions_by_tier ON decisions (tier, time)",
        "CREATE INDEX decisions_by_endpoint ON decisions (served_endpoint, time)",
    ),
    (
        """
        CREATE TABLE guard_events (
            key INTEGER PRIMARY KEY,
            conversation INTEGER NOT NULL REFERENCES conversations (key),
            time REAL NOT NULL,
            guard TEXT NOT NULL,
            kind TEXT NOT NULL,
            detail TEXT NOT NULL
        )
        """,
        """
        CREATE TABLE verdicts (
            key INTEGER PRIMARY KEY,
            conversation INTEGER NOT NULL REFERENCES conversations (key),
            time REAL NOT NULL,
            judge TEXT NOT NULL,
            accepted INTEGER,
            reason TEXT NOT NULL,
            round INTEGER,
            tests INTEGER,
            failing INTEGER,
            already_failing INTEGER,
            seconds REAL
        )
        """,
        "CREATE INDEX guard_events_by_conversation"
        " ON guard_events (conversation, time)",
        "CREATE INDEX guard_events_by_guard ON guard_events (guard, time)",
        "CREATE INDEX verdicts_by_conversation ON verdicts (conversation, time)",
    ),
    (
        """
        CREATE TABLE situations (
            decision INTEGER PRIMARY KEY REFERENCES decisions (key),
            situation TEXT NOT NULL
        )
        """,
    ),
)
"""One entry a version: the statements that lead from the version before to it."""


class UnusableFile(Exception):
    """The file is sound but not for us to write; the message says why."""


def migrate(connection: sqlite3.Connection) -> None:
    """Bring an open file to this version; safe with other processes doing the same.

    Raises:
        UnusableFile: It is another program's, or a newer version's. Nothing in it
            was changed.
        sqlite3.Error: It could not be read or written.
    """
    if version_of(connection) == len(MIGRATIONS):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Again, now that no other process can migrate at the same time.
        done = version_of(connection)
        for statements in MIGRATIONS[done:]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def version_of(connection: sqlite3.Connection) -> int:
    """The version of the file's schema; 0: it is empty.

    Raises:
        UnusableFile: It is another program's, or a newer version's.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (owner,) = connection.execute("PRAGMA application_id").fetchone()
    (objects,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if owner != APPLICATION_ID and (objects or version or owner):
        raise UnusableFile(
            "it is another program's SQLite file; name another path for telemetry"
        )
    if version > len(MIGRATIONS):
        raise UnusableFile(
            f"its schema has version {version}, and this release knows versions up to "
            f"{len(MIGRATIONS)}; upgrade openhands-tiered-router or name another path"
        )
    return version
