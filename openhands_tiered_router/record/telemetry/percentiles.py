"""P50, P95 and P99 of what takes time."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from openhands_tiered_router.record.telemetry.sums import KEYS, Span


type Measure = Literal["first_token_seconds", "seconds", "overhead_us"]

MEASURES: Final[tuple[Measure, ...]] = ("first_token_seconds", "seconds", "overhead_us")

type By = Literal["tier", "endpoint"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Percentiles:
    """Of the answered calls of one group; exact, by nearest rank: each is a value that
    was measured."""

    measure: Measure
    by: By
    key: str | None
    count: int
    p50: float
    p95: float
    p99: float


def percentiles(
    connection: sqlite3.Connection,
    span: Span,
    by: Sequence[By] = ("tier",),
) -> list[Percentiles]:
    """Percentiles of answered calls, in order of the key.

    Of seconds to the first token (streamed answers only), seconds of the whole call,
    waiting and failover included, and the decision's microseconds.

    Args:
        connection: Open for reading.
        span: Which calls.
        by: What tells groups apart, each by itself.
    """
    # As JSON, because a row each would take Python twice the time.
    found = [f"json_group_array({m}) FILTER (WHERE {m} IS NOT NULL)" for m in MEASURES]
    keys = ", ".join(KEYS[b] for b in by)
    sql = f"""
        SELECT {", ".join(found)}, {keys} FROM decisions
        WHERE answered = 1 AND {span.where()} GROUP BY {keys}
    """
    rows = connection.execute(sql, span.values()).fetchall()
    cells = [(r[len(MEASURES) :], [*map(_values, r[: len(MEASURES)])]) for r in rows]
    return [
        _percentiles(measure, one, key, sorted(values))
        for n, one in enumerate(by)
        for i, measure in enumerate(MEASURES)
        for key, values in _merged((c[0][n], c[1][i]) for c in cells)
    ]


def _values(array: str) -> list[float]:
    return msgspec.json.decode(array, type=list[float])


def _merged(
    cells: Iterable[tuple[str | None, list[float]]],
) -> list[tuple[str | None, list[float]]]:
    found: dict[str | None, list[float]] = {}
    for key, values in cells:
        if values:
            found.setdefault(key, []).extend(values)
    return sorted(found.items(), key=lambda item: (item[0] is not None, item[0]))


def _percentiles(
    measure: Measure, by: By, key: str | None, ordered: Sequence[float]
) -> Percentiles:
    count = len(ordered)
    p50, p95, p99 = (ordered[(count * p + 99) // 100 - 1] for p in (50, 95, 99))
    return Percentiles(
        measure=measure, by=by, key=key, count=count, p50=p50, p95=p95, p99=p99
    )
