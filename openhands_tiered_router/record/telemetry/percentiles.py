"""P50, P95 and P99 of what takes time."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final, Literal

import msgspec

from openhands_tiered_router.record.telemetry.aggregates import EXPRESSIONS, By, Keys
from openhands_tiered_router.record.telemetry.query import TelemetryFile


type Measure = Literal["first_token_seconds", "seconds", "overhead_us"]

PER: Final[dict[Measure, float]] = {
    "first_token_seconds": 1e6,
    "seconds": 1e6,
    "overhead_us": 1.0,
}
"""What is stored of each unit: seconds are whole millionths."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Percentiles:
    """Of the values of one group; exact, by nearest rank: each is a value that was."""

    key: tuple[str | int | None, ...]
    """As in ``Group``."""
    count: int
    p50: float
    p95: float
    p99: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """A measure of all groups, in order of the key; those without a value are out."""

    measure: Measure
    by: tuple[By, ...]
    groups: tuple[Percentiles, ...]


def percentiles(
    file: TelemetryFile,
    measure: Measure,
    by: Sequence[By] = (),
    since: float = 0.0,
    until: float = math.inf,
) -> list[Percentiles]:
    """Percentiles of answered calls, in order of the key.

    Args:
        file: Where from.
        measure: Seconds to the first token (streamed answers only) or of the whole
            call, waiting and failover included; or the decision's microseconds.
        by: What tells groups apart; none: all calls are one group.
        since: Seconds since the epoch, included.
        until: Seconds since the epoch, not included.

    Raises:
        TelemetryReadError: It cannot be read.
    """
    found = latencies(file, [measure], [by], since, until)
    return [p for latency in found for p in latency.groups]


def latencies(
    file: TelemetryFile,
    measures: Sequence[Measure],
    groupings: Sequence[Sequence[By]],
    since: float = 0.0,
    until: float = math.inf,
    conversation: int | None = None,
) -> list[Latency]:
    """As ``percentiles``, for each measure by each grouping, in one pass.

    A file that is missing has none.

    Args:
        file: Where from.
        measures: Which.
        groupings: What tells groups apart.
        since: Seconds since the epoch, included.
        until: Seconds since the epoch, not included.
        conversation: Key of the only one; ``None``: all.

    Raises:
        TelemetryReadError: It cannot be read.
    """
    by: list[By] = []
    for b in chain.from_iterable(groupings):
        if b not in by:
            by.append(b)
    with file.reading() as connection:
        if connection is None:
            return []
        cursor = connection.cursor()
        cursor.row_factory = None
        span = {"since": since, "until": until, "only": conversation}
        rows = cursor.execute(_sql(measures, by, conversation), span).fetchall()
        keys = Keys(connection, by)
    many = len(measures)
    cells = [(row[many:], [*map(_sorted, row[:many])]) for row in rows]
    return [
        Latency(
            measure=measure,
            by=tuple(grouping),
            groups=tuple(
                _percentiles(keys.shown(grouping, key), values, PER[measure])
                for key, values in _merged(cells, i, [by.index(b) for b in grouping])
            ),
        )
        for grouping in groupings
        for i, measure in enumerate(measures)
    ]


def _sql(
    measures: Sequence[Measure], by: Sequence[By], conversation: int | None
) -> str:
    # As JSON, because a row each would take Python twice the time.
    found = [f"json_group_array({m}) FILTER (WHERE {m} IS NOT NULL)" for m in measures]
    keys = [EXPRESSIONS[b] for b in by]
    one = "" if conversation is None else "AND conversation = :only"
    return f"""
        SELECT {", ".join([*found, *keys])} FROM decision_rows
        WHERE answered = 1 AND time >= :since AND time < :until {one}
        {f"GROUP BY {', '.join(keys)}" if by else ""}
    """


def _sorted(values: str) -> list[int]:
    return sorted(msgspec.json.decode(values, type=list[int]))


def _merged(
    cells: Iterable[tuple[tuple[Any, ...], list[list[int]]]],
    measure: int,
    places: Sequence[int],
) -> list[tuple[tuple[Any, ...], list[int]]]:
    found: dict[tuple[Any, ...], list[int]] = {}
    for key, values in cells:
        if values[measure]:
            mine = found.setdefault(tuple(key[p] for p in places), [])
            mine += values[measure]
    order = sorted(found, key=lambda key: [(k is not None, k) for k in key])
    return [(key, sorted(found[key])) for key in order]


def _percentiles(
    key: tuple[str | int | None, ...], ordered: Sequence[int], per: float
) -> Percentiles:
    count = len(ordered)
    p50, p95, p99 = (ordered[(count * p + 99) // 100 - 1] / per for p in (50, 95, 99))
    return Percentiles(key=key, count=count, p50=p50, p95=p95, p99=p99)
