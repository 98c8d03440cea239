"""Deleting so that no byte stays: in the file, its free space, and its log."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from openhands_tiered_router.record.telemetry.files import TelemetryReadError
from openhands_tiered_router.record.telemetry.rows import NAMED


_BUSY_SECONDS: Final = 10.0

_CHECKPOINT_SECONDS: Final = 600.0
"""Wait for others to be done with the log: after a rewrite it is as long as the file,
and who commits next may be writing it back."""


@contextmanager
def erasing(path: Path, *, rewrite: bool) -> Iterator[sqlite3.Connection]:
    """A connection in no transaction by which what is deleted is overwritten.

    Args:
        path: The file.
        rewrite: Whether the file is rewritten in the end. What was deleted is
            overwritten without that too; but rows that grew or moved before have left
            copies in pages, of which a rewrite leaves none. Meanwhile nobody else can
            write, and it takes twice the file's size on the disk. It also makes a file
            of an earlier release one that can shrink.

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
                connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
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


def names_of(connection: sqlite3.Connection, keys: Collection[int]) -> set[int]:
    """Keys of the names in some conversations: those of tools come from models."""
    found = connection.execute(_USED_IN, {"keys": json.dumps(list(keys))})
    return {key for (key,) in found if key is not None and key > _SEEDED}


def forget_names(connection: sqlite3.Connection, keys: Collection[int]) -> None:
    """Overwrites those names that no row uses any more.

    That is asked without a transaction, since in a large file it takes seconds. The
    keys stay taken: a row that comes just then means something unknown, not another.
    """
    unused = set(keys)
    for newest in (_NEWEST, _ALL):
        if unused:
            values = {"keys": json.dumps(sorted(unused)), "newest": newest}
            unused -= {key for (key,) in connection.execute(_USED, values)}
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany(_FORGET, [(key,) for key in unused])
    connection.execute("COMMIT")


_SEEDED: Final = 6
"""Names that a file has from the start: those of the statuses."""

_NEWEST: Final = 10_000
"""Rows among which nearly each name is that is used at all."""

_ALL: Final = -1

_KEYS: Final = "(SELECT value FROM json_each(:keys))"

_COLUMNS: Final = [
    (column, "tool_rows", "conversation")
    if column in ("tool_name", "status", "action_kind")
    else (column, "decision_rows", "key")
    for column in sorted(NAMED)
]
"""With the table of each, and what tells in it what is newest."""

_USED_IN: Final = " UNION ".join(
    f"SELECT {column} FROM {table} WHERE conversation IN {_KEYS}"
    for column, table, _ in _COLUMNS
)

_USED: Final = " UNION ".join(
    f"SELECT * FROM (SELECT {column} AS name FROM {table} ORDER BY {order} DESC"
    f" LIMIT :newest) WHERE name IN {_KEYS}"
    for column, table, order in _COLUMNS
)

_FORGET: Final = "UPDATE names SET name = '[removed ' || key || ']' WHERE key = ?"
