"""Finding a conversation or a decision by the beginning of its id."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final, Literal

from openhands_tiered_router.record.telemetry.opening import reading


class UnknownIdError(ValueError):
    """Nothing recorded has that id, or more than one thing; says what to do."""


_SHOWN: Final = 4
"""Ids that are listed where a prefix fits several."""


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
