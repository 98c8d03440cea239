"""Turns that were served by the wrong tier."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Final

from openhands_tiered_router.record.telemetry.sums import MISROUTED, Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Misroute:
    """A turn that got more than it needed, or less."""

    decision_id: str
    conversation_id: str | None
    time: float
    turn: int | None
    """From 1."""
    tier: str | None
    provision: str
    """``over`` or ``under``."""
    quality: int | None
    signs: tuple[str, ...]
    """Values of ``quality.Sign``."""
    cost: float | None
    """USD."""
    hard: bool


def misroutes(
    connection: sqlite3.Connection, span: Span, limit: int
) -> tuple[Misroute, ...]:
    """The worst first; those of turns that are not judged yet are not known.

    Args:
        connection: Open for reading.
        span: Which calls.
        limit: How many at most.
    """
    if not limit:
        return ()
    # SQLite would rather look at all calls of that time.
    index = "INDEXED BY misrouted_decisions" if span.conversation is None else ""
    sql = _MISROUTES.format(index=index, where=span.where("d."), misrouted=MISROUTED)
    rows = connection.execute(sql, span.values() | {"limit": limit})
    return tuple(
        Misroute(
            decision_id=row["id"],
            conversation_id=row["conversation_id"] or None,
            time=row["time"],
            turn=row["turn"],
            tier=row["served_tier"],
            provision=row["provision"],
            quality=row["quality"],
            signs=tuple((row["signs"] or "").split()),
            cost=row["cost"],
            hard=bool(row["hard"]),
        )
        for row in rows
    )


_MISROUTES: Final = """
    SELECT d.*, c.id AS conversation_id
    FROM decisions d {index} CROSS JOIN conversations c ON c.key = d.conversation
    WHERE d.{misrouted} AND {where}
    ORDER BY d.quality, d.time DESC LIMIT :limit
"""
