"""Opening the telemetry file: whose it is, and reading it while others write."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final


APPLICATION_ID: Final = 0x54524F55
"""Marks a file as ours (``PRAGMA application_id``); spells "TROU"."""

VERSION: Final = 2
"""Of the schema (``PRAGMA user_version``). Whoever changes a table of a release counts
it up: files of another version are refused, never converted."""

READ_SECONDS: Final = 2.0
"""Wait for a writer that is just changing the file as a whole, which is rare."""

NO_CONVERSATION: Final = ""
"""Id of the row for calls outside of any conversation, so that keys are never NULL."""


class UnusableFile(Exception):
    """The file is sound but not for us to write; the message says why."""


class TelemetryReadError(Exception):
    """The file cannot be read; the message names it, the trouble and the remedy."""


def version_of(connection: sqlite3.Connection) -> int:
    """The version of the file's schema; 0: it is empty.

    Raises:
        UnusableFile: It is another program's, or of another version.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (owner,) = connection.execute("PRAGMA application_id").fetchone()
    (objects,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if owner != APPLICATION_ID and (objects or version or owner):
        raise UnusableFile(
            "it is another program's SQLite file; name another path for telemetry"
        )
    if version not in (0, VERSION):
        raise UnusableFile(
            f"its schema has version {version}, and this release reads and writes "
            f"version {VERSION}; move the file away (a new one is begun), or name "
            "another path for telemetry"
        )
    return version


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection | None]:
    """A connection that cannot write; ``None``: there is nothing to read.

    Raises:
        TelemetryReadError: From here, or from what is asked meanwhile.
    """
    try:
        if not path.exists():
            yield None
            return
        uri = f"{path.absolute().as_uri()}?mode=ro"
        with closing(
            sqlite3.connect(uri, READ_SECONDS, isolation_level=None, uri=True)
        ) as connection:
            connection.row_factory = sqlite3.Row
            yield connection if version_of(connection) else None
    except UnusableFile as error:
        raise TelemetryReadError(f"{path}: {error}") from None
    except (sqlite3.Error, OSError) as error:
        raise TelemetryReadError(
            f"{path} cannot be read: {error}. If it stays so, move the file away; the "
            "router begins a new one"
        ) from error
