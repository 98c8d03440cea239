"""Decisions for other programs: JSON lines and CSV."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, TextIO

from openhands_tiered_router.record.telemetry.query import TelemetryFile
from openhands_tiered_router.record.telemetry.records import Call
from openhands_tiered_router.record.telemetry.schema import CALL_COLUMNS
from openhands_tiered_router.redaction import visible


COLUMNS: Final = ("key", "id", "conversation_id", "tier_set", *CALL_COLUMNS)

TEXTS: Final = ("request", "answer")
"""Columns that stand for what was said."""

_TEXTS: Final = "SELECT request, answer FROM texts WHERE decision = ?"


def flat(call: Call) -> dict[str, Any]:
    """A call as one level of numbers and names."""
    return {name: getattr(call, name) for name in COLUMNS}


def with_texts(file: TelemetryFile, calls: Iterable[Call]) -> Iterator[dict[str, Any]]:
    """Rows as ``flat`` makes them, with what was said as far as that is recorded."""
    with file.reading() as connection:
        for call in calls:
            found = connection and connection.execute(_TEXTS, (call.key,)).fetchone()
            yield flat(call) | dict(zip(TEXTS, found or (None, None), strict=True))


def write_text(rows: Iterable[Mapping[str, Any]], form: str, out: TextIO) -> int:
    """Writes ``jsonl`` or ``csv``; a file without decisions makes an empty one.

    Returns:
        How many decisions.
    """
    count, writer = 0, None
    for row in rows:
        count += 1
        if form == "jsonl":
            out.write(json.dumps(row) + "\n")
            continue
        if writer is None:
            writer = csv.DictWriter(out, row, lineterminator="\n")
            writer.writeheader()
        writer.writerow({k: _cell(v) for k, v in row.items()})
    return count


def _cell(value: Any) -> Any:
    """Names come from models: none may steer a terminal, or be a formula to a
    spreadsheet."""
    if not isinstance(value, str):
        return value
    text = visible(value, keep="\n")
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text
