"""How much is in the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from openhands_tiered_router.record.telemetry.files import reading


@dataclass(frozen=True, slots=True)
class Extent:
    """The size of a telemetry file."""

    bytes: int
    """On disk, SQLite's log beside it included."""
    rows: Mapping[str, int]
    """By table, under the names of docs/telemetry.md."""


def extent(path: Path) -> Extent:
    """Counts; a file that is missing has nothing.

    Raises:
        TelemetryReadError: It cannot be read.
    """
    with reading(path) as connection:
        if connection is None:
            return Extent(0, dict.fromkeys(_TABLES, 0))
        rows = {
            name: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for name, table in _TABLES.items()
        }
        parts = [path, path.with_name(f"{path.name}-wal")]
        return Extent(sum(p.stat().st_size for p in parts if p.exists()), rows)


_TABLES: Final = {
    "conversations": "conversations",
    "decisions": "decision_rows",
    "tool results": "tool_rows",
    "guard events": "guard_events",
    "verdicts": "verdicts",
    "texts": "texts",
}
