"""What a solved task cost, by the tier that did most of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from openhands_tiered_router.record.report.intervals import Estimate, Row, estimates
from openhands_tiered_router.record.telemetry.records import VERIFIER
from openhands_tiered_router.record.telemetry.sums import TIERS, Group


@dataclass(frozen=True, slots=True, kw_only=True)
class Solved:
    """Conversations in which that tier served most turns, or all of them."""

    tier: str | None
    """``None``: all."""
    conversations: int
    solved: int
    failed: int
    unknown: int
    """Without a verdict: they are in no figure here but this one."""
    cost: float
    """USD of the judged ones, the failed ones included."""
    per_solved: Estimate | None
    """USD; ``None``: none was solved."""


def verdicts_by_conversation(connection: sqlite3.Connection) -> dict[str, bool]:
    """By key of the conversation: its last verdict, that of people or CI before the
    verifier's own."""
    rows = connection.execute(_VERDICTS, {"verifier": VERIFIER})
    return {str(key): bool(accepted) for key, accepted in rows}


def solved_by_tier(
    conversations: Sequence[Group],
    by_tier: Sequence[Group],
    verdicts: Mapping[str, bool],
) -> tuple[Solved, ...]:
    """All conversations, then those of each tier, the weakest first.

    Args:
        conversations: Sums by conversation.
        by_tier: Sums by conversation and tier that served.
        verdicts: By key of the conversation.
    """
    mostly: dict[str | None, tuple[float, int]] = {}
    for group in by_tier:
        key, tier = group.key
        if tier in TIERS:
            found = group["turns"], TIERS.index(tier)
            mostly[key] = max(mostly.get(key, found), found)
    turns = [c for c in conversations if c["turns"]]
    mine = {t: [c for c in turns if mostly.get(c.key[0], (0, -1))[1] == n]
            for n, t in enumerate(TIERS)}  # fmt: skip
    found = [_solved(t, mine[t], verdicts) for t in TIERS if mine[t]]
    return (_solved(None, turns, verdicts), *found)


def _solved(
    tier: str | None, conversations: Sequence[Group], verdicts: Mapping[str, bool]
) -> Solved:
    judged = [
        (c, verdicts[k]) for c in conversations if (k := c.key[0] or "") in verdicts
    ]
    rows: list[Row] = [(c["cost"], good) for c, good in judged]
    good = sum(good for _, good in judged)
    return Solved(
        tier=tier,
        conversations=len(conversations),
        solved=good,
        failed=len(judged) - good,
        unknown=len(conversations) - len(judged),
        cost=sum(c["cost"] for c, _ in judged),
        per_solved=estimates(rows, [_per_solved])[0],
    )


def _per_solved(sums: Row) -> float | None:
    return sums[0] / sums[1] if sums[1] else None


# SQLite takes the other columns of a group from the row that has its maximum.
_VERDICTS: Final = """
    SELECT conversation, accepted FROM (
        SELECT conversation, accepted, max((judge != :verifier) * 1e12 + time)
        FROM verdicts WHERE accepted IS NOT NULL GROUP BY conversation
    )
"""
