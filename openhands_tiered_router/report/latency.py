"""Latency percentiles of each tier, all measures in one pass over the file."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from openhands_tiered_router.report.sums import Span
from openhands_tiered_router.telemetry.percentiles import Measure, Percentiles
from openhands_tiered_router.tiers import Tier


MEASURES: dict[Measure, float] = {
    "first_token_seconds": 1e6,
    "seconds": 1e6,
    "overhead_us": 1.0,
}
"""What is stored of each unit: seconds are whole millionths."""


def latency(
    connection: sqlite3.Connection, span: Span
) -> tuple[tuple[Measure, tuple[Percentiles, ...]], ...]:
    """By measure and the tier that served; exact, by nearest rank, answered calls."""
    sql = f"""
        SELECT served_tier, {", ".join(MEASURES)} FROM decision_rows
        WHERE answered = 1 AND served_tier IS NOT NULL AND {span.where()}
    """
    cursor = connection.cursor()
    cursor.row_factory = None
    tiers: list[list[list[int]]] = [[[], [], []] for _ in Tier]
    for tier, first, whole, deciding in cursor.execute(sql, span.values()):
        a, b, c = tiers[tier]
        if first is not None:
            a.append(first)
        if whole is not None:
            b.append(whole)
        if deciding is not None:
            c.append(deciding)
    return tuple(
        (m, tuple(_percentiles(t, tiers[t][i], per) for t in Tier if tiers[t][i]))
        for i, (m, per) in enumerate(MEASURES.items())
    )


def _percentiles(tier: Tier, values: Sequence[int], per: float) -> Percentiles:
    ordered = sorted(values)
    count = len(ordered)
    p50, p95, p99 = (ordered[(count * p + 99) // 100 - 1] / per for p in (50, 95, 99))
    return Percentiles(key=(str(tier),), count=count, p50=p50, p95=p95, p99=p99)
