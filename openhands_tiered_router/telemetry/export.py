"""Decisions for other programs: JSON lines, CSV, Parquet."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from enum import StrEnum
from itertools import batched
from pathlib import Path
from typing import Any, Final, TextIO

from openhands_tiered_router.telemetry.facts import TurnFacts
from openhands_tiered_router.tiers import Tier


class Format(StrEnum):
    """What an export is written as."""

    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"


_ROWS: Final = 50_000
"""Rows of a Parquet row group: some 20 MB in memory."""


class MissingLibrary(Exception):
    """A format needs a library that is not installed; says which."""


def plain(facts: TurnFacts) -> dict[str, Any]:
    """A decision as one level of numbers and names; tiers and signs by name."""
    fields = asdict(facts)
    fields |= fields.pop("usage")
    fields["quality_reasons"] = " ".join(facts.quality_reasons)
    return {k: str(v) if isinstance(v, Tier) else v for k, v in fields.items()}


def write_text(facts: Iterable[TurnFacts], form: Format, out: TextIO) -> int:
    """Writes JSON lines or CSV; a file without decisions makes an empty one.

    Returns:
        How many decisions.
    """
    count, writer = 0, None
    for row in map(plain, facts):
        count += 1
        if form is Format.JSONL:
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
            continue
        if writer is None:
            writer = csv.DictWriter(out, row, lineterminator="\n")
            writer.writeheader()
        writer.writerow(row)
    return count


def write_parquet(facts: Iterable[TurnFacts], path: Path) -> int:
    """Writes a Parquet file.

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
    schema, count = pyarrow.schema(list(_arrow_fields(pyarrow))), 0
    with pyarrow.parquet.ParquetWriter(path, schema) as writer:
        for group in batched(map(plain, facts), _ROWS):
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
