"""Decisions for other programs: JSON lines, CSV, Parquet."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from enum import StrEnum
from itertools import batched
from pathlib import Path
from typing import Any, Final, TextIO

from openhands_tiered_router.record.telemetry.facts import TurnFacts
from openhands_tiered_router.record.telemetry.query import TelemetryFile
from openhands_tiered_router.tiers import Tier


class Format(StrEnum):
    """What an export is written as."""

    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"


_ROWS: Final = 50_000
"""Rows of a Parquet row group: some 20 MB in memory."""

TEXTS: Final = ("request", "answer")
"""Columns that stand for what was said."""

_TEXTS: Final = "SELECT request, answer FROM texts WHERE decision = ?"


class MissingLibrary(Exception):
    """A format needs a library that is not installed; says which."""


def plain(facts: TurnFacts) -> dict[str, Any]:
    """A decision as one level of numbers and names; tiers and signs by name."""
    fields = asdict(facts)
    fields |= fields.pop("usage")
    fields["quality_reasons"] = " ".join(facts.quality_reasons)
    return {k: str(v) if isinstance(v, Tier) else v for k, v in fields.items()}


def with_texts(
    file: TelemetryFile, facts: Iterable[TurnFacts]
) -> Iterator[dict[str, Any]]:
    """Rows as ``plain`` makes them, with what was said as far as that is on record."""
    with file.reading() as connection:
        for turn in facts:
            found = connection and connection.execute(_TEXTS, (turn.key,)).fetchone()
            yield plain(turn) | dict(zip(TEXTS, found or (None, None), strict=True))


def write_text(rows: Iterable[Mapping[str, Any]], form: Format, out: TextIO) -> int:
    """Writes JSON lines or CSV; a file without decisions makes an empty one.

    Returns:
        How many decisions.
    """
    count, writer = 0, None
    for row in rows:
        count += 1
        if form is Format.JSONL:
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
            continue
        if writer is None:
            writer = csv.DictWriter(out, row, lineterminator="\n")
            writer.writeheader()
        writer.writerow(row)
    return count


def write_parquet(
    rows: Iterable[Mapping[str, Any]], path: Path, *, texts: bool = False
) -> int:
    """Writes a Parquet file.

    Args:
        rows: Decisions.
        path: Where to.
        texts: Whether the rows are ``with_texts``.

    Returns:
        How many decisions.

    Raises:
        MissingLibrary: ``pyarrow`` is not installed.
    """
    try:
        import pyarrow  # pyright: ignore[reportMissingImports]
        import pyarrow.parquet  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise MissingLibrary(
            "Parquet needs pyarrow: install it, or export jsonl or csv"
        ) from None
    said = [(name, pyarrow.string()) for name in TEXTS if texts]
    schema, count = pyarrow.schema([*_arrow_fields(pyarrow), *said]), 0
    with pyarrow.parquet.ParquetWriter(path, schema) as writer:
        for group in batched(rows, _ROWS):
            table = pyarrow.Table.from_pylist(list(group), schema=schema)
            writer.write_table(table)
            count += len(group)
    return count


def _arrow_fields(pyarrow: Any) -> Iterator[tuple[str, Any]]:
    """Types stated, for a column that is empty in the first group may not stay so."""
    kinds = {
        "int": pyarrow.int64(),
        "float": pyarrow.float64(),
        "bool": pyarrow.bool_(),
    }
    for name, kind in TurnFacts.__annotations__.items():
        if name == "usage":
            tokens = ("prompt", "completion", "cache_read", "cache_write", "reasoning")
            yield from ((t, pyarrow.int64()) for t in tokens)
        else:
            yield name, kinds.get(str(kind).partition(" ")[0], pyarrow.string())
