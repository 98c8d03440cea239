"""Whose file it is, of which version, and how it gets to this one."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from functools import partial
from typing import Final

from openhands_tiered_router.record.telemetry import packing
from openhands_tiered_router.record.telemetry.migrations import MIGRATIONS


APPLICATION_ID: Final = 0x54524F55
"""Marks a file as ours (``PRAGMA application_id``); spells "TROU"."""


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
    _add_functions(connection)
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


def _add_functions(connection: sqlite3.Connection) -> None:
    """What the migrations need beyond SQL; each maps NULL to NULL."""
    per = {"millionths": packing.MILLIONTH, "billionths": packing.BILLIONTH}
    functions = {
        "own_id": packing.own_id,
        "foreign_id": packing.foreign_id,
        "packed": packing.packed,
    } | {n: partial(_scaled, per=p) for n, p in per.items()}
    for name, function in functions.items():
        null_safe = partial(_null_safe, function)
        connection.create_function(name, 1, null_safe, deterministic=True)


def _null_safe[T, R](function: Callable[[T], R], value: T | None) -> R | None:
    return None if value is None else function(value)


def _scaled(value: float, per: float) -> int | None:
    return packing.scaled(value, per)
