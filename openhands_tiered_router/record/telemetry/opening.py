"""The telemetry file: where it is, whose it is, reading it while others write."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, Literal


VARIABLE: Final = "TIERED_ROUTER_TELEMETRY"
"""Environment variable: a path, or one of ``OFF``."""

OFF: Final = frozenset({"off", "false", "no", "0"})

APPLICATION_ID: Final = 0x54524F55
"""Marks a file as ours (``PRAGMA application_id``); spells "TROU"."""

VERSION: Final = 3
"""Of the schema (``PRAGMA user_version``). Whoever changes a table of a release counts
it up: files of another version are refused, never converted."""

READ_SECONDS: Final = 2.0
"""Wait for a writer that is just changing the file as a whole, which is rare."""

NO_CONVERSATION: Final = ""
"""Id of the row for calls outside of any conversation, so that keys are never NULL."""

_SHOWN: Final = 4
"""Ids that are listed where a prefix fits several."""


class UnusableFile(Exception):
    """The file is sound but not for us to write; the message says why."""


class TelemetryReadError(Exception):
    """The file cannot be read; the message names it, the trouble and the remedy."""


class UnknownIdError(ValueError):
    """Nothing recorded has that id, or more than one thing; says what to do."""


def standard_path() -> Path:
    """The file in the user's own state directory, as the platform has it."""
    # Here, because a shell's prompt that names a file need not wait for it.
    import platformdirs

    directory = platformdirs.user_state_path("tiered-router", appauthor=False)
    return directory / "telemetry.sqlite3"


def path_from(environ: Mapping[str, str]) -> Path | None:
    """The file that the environment asks for; ``None``: telemetry is switched off.

    A value that cannot be a path is warned of and switches off: no run fails for it.
    """
    value = environ.get(VARIABLE, "").strip()
    if not value:
        return standard_path()
    if value.lower() in OFF:
        return None
    try:
        if "\0" in value:
            raise ValueError("a path has no NUL character")
        return Path(value).expanduser().absolute()
    except (ValueError, RuntimeError, OSError) as error:
        import logging

        logging.getLogger(__name__).warning(
            "telemetry is off: %s is not a usable path (%s); "
            "set it to a file's path, or to 'off'",
            VARIABLE,
            error,
        )
        return None


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


def find_id(path: Path, text: str, table: Literal["conversations", "decisions"]) -> str:
    """The whole id of the one row whose id is ``text`` or begins with it.

    Dashes may be left out, as in the names of conversations' directories.

    Raises:
        UnknownIdError: There is none, or more than one.
        TelemetryReadError: The file cannot be read.
    """
    what = table.removesuffix("s")
    with reading(path) as connection:
        found = [] if connection is None else _matching(connection, text, table)
    if not found:
        command = (
            "report --conversations" if what == "conversation" else "telemetry export"
        )
        raise UnknownIdError(
            f"no {what} {text!r} is recorded in {path}; `tiered-router {command}` "
            "lists them, and --telemetry names another file"
        )
    if len(found) > 1 and text not in found:
        listed = ", ".join(found[:_SHOWN]) + (", ..." if len(found) > _SHOWN else "")
        raise UnknownIdError(
            f"{text!r} is the beginning of several: {listed}; give more of it"
        )
    return text if text in found else found[0]


def _matching(connection: sqlite3.Connection, text: str, table: str) -> list[str]:
    dashed = _dashed(text)
    sql = f"""
        SELECT id FROM {table} WHERE id != '' AND (
            id >= :text AND id < :text || char(0x10FFFF)
            OR id >= :dashed AND id < :dashed || char(0x10FFFF)
        ) LIMIT :most
    """
    values = {"text": text, "dashed": dashed, "most": _SHOWN + 1}
    rows = [i for (i,) in connection.execute(sql, values)] if text else []
    exact = connection.execute(f"SELECT id FROM {table} WHERE id = ?", (text,))
    return list(dict.fromkeys([*(i for (i,) in exact), *rows]))


def _dashed(text: str) -> str:
    """A UUID's beginning with its dashes."""
    digits = text.replace("-", "").lower()
    if not digits or len(digits) > 32 or set(digits) - set("0123456789abcdef"):
        return text
    parts = [digits[a:b] for a, b in ((0, 8), (8, 12), (12, 16), (16, 20), (20, 32))]
    return "-".join(p for p in parts if p)
