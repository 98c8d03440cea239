"""P50, P95 and P99 of what takes time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from openhands_tiered_router.telemetry.aggregates import EXPRESSIONS, By, Keys
from openhands_tiered_router.telemetry.query import TelemetryFile


type Measure = Literal["first_token_seconds", "seconds", "overhead_us"]

_PER: Final[dict[Measure, float]] = {
    "first_token_seconds": 1e6,
    "seconds": 1e6,
    "overhead_us": 1.0,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Percentiles:
    """Of the values of one group; exact, by nearest rank: each is a value that was."""

    key: tuple[str | int | None, ...]
    """As in ``Group``."""
    count: int
    p50: float
    p95: float
    p99: float


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
    keys = [f"{EXPRESSIONS[b]} AS by_{b}" for b in by]
    names = ", ".join(f"by_{b}" for b in by)
    partition = f"PARTITION BY {names}" if by else ""
    sql = f"""
        WITH found AS (
            SELECT {", ".join([*keys, f"{measure} AS value"])} FROM decision_rows
            WHERE answered = 1 AND {measure} IS NOT NULL
                AND time >= :since AND time < :until
        ), ranked AS (
            SELECT *, row_number() OVER ({partition} ORDER BY value) AS rank,
                count(*) OVER ({partition}) AS count
            FROM found
        )
        SELECT {names + "," if by else ""} count, {_ranks()} FROM ranked
        WHERE rank IN ({_rank(50)}, {_rank(95)}, {_rank(99)})
        {f"GROUP BY {names} ORDER BY {names}" if by else "GROUP BY count"}
    """
    with file.reading() as connection:
        if connection is None:
            return []
        rows = connection.execute(sql, {"since": since, "until": until}).fetchall()
        shown, per = Keys(connection, by), _PER[measure]
        return [
            Percentiles(
                key=shown.of(r),
                count=r["count"],
                p50=r["p50"] / per,
                p95=r["p95"] / per,
                p99=r["p99"] / per,
            )
            for r in rows
        ]


def _rank(percent: int) -> str:
    """The smallest rank that at least that share of the values does not exceed."""
    return f"(count * {percent} + 99) / 100"


def _ranks() -> str:
    return ", ".join(
        f"max(iif(rank = {_rank(p)}, value, NULL)) AS p{p}" for p in (50, 95, 99)
    )
