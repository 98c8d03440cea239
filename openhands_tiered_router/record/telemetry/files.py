"""Opening the telemetry file to read it, while others write."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from openhands_tiered_router.record.telemetry.migrations import MIGRATIONS
from openhands_tiered_router.record.telemetry.schema import (
    UnusableFile,
    migrate,
    version_of,
)


READ_SECONDS: Final = 2.0
"""Wait for a writer that is just changing the file as a whole, which is rare."""


class TelemetryReadError(Exception):
    """The file cannot be read; the message names it, the trouble and the remedy."""


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection | None]:
    """A connection that cannot write; ``None``: there is nothing to read.

    A file of an older release is brought up to this one first.

    Raises:
        TelemetryReadError: From here, or from what is asked meanwhile.
    """
    try:
        if not path.exists():
            yield None
            return
        with _connected(path, "ro") as connection:
            version = version_of(connection)
        if 0 < version < len(MIGRATIONS):
            with _connected(path, "rw") as connection:
                migrate(connection)
        with _connected(path, "ro") as connection:
            yield connection if version else None
    except UnusableFile as error:
        raise TelemetryReadError(f"{path}: {error}") from None
    except (sqlite3.Error, OSError) as error:
        raise TelemetryReadError(
            f"{path} cannot be read: {error}. If it stays so, move the file away; the "
            "router begins a new one"
        ) from error


@contextmanager
def _connected(path: Path, mode: str) -> Iterator[sqlite3.Connection]:
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    connection = sqlite3.connect(uri, READ_SECONDS, isolation_level=None, uri=True)
    with closing(connection):
        connection.row_factory = sqlite3.Row
        yield connection
