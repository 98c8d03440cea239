"""What a solved task cost, by the tier that did most of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from openhands_tiered_router.record.report.intervals import Estimate, Row, estimates
from openhands_tiered_router.record.report.sums import ConversationSums
from openhands_tiered_router.record.telemetry.records import VERIFIER
from openhands_tiered_router.tiers import Tier


@dataclass(frozen=True, slots=True, kw_only=True)
class SolvedByTier:
    """Conversations in which that tier served most turns."""

    tier: str
    conversations: int
    solved: int
    failed: int
    unknown: int
    """Without a verdict: they are in no figure here but this one."""
    cost: float
    """USD of the judged ones, the failed ones included."""
    per_solved: Estimate | None
    """USD; ``None``: none was solved."""


def solved_conversations(connection: sqlite3.Connection) -> dict[int, bool]:
    """By key of the conversation: its last verdict, that of people or CI before the
    verifier's own."""
    rows = connection.execute(_VERDICTS, {"verifier": VERIFIER})
    return {key: bool(accepted) for key, accepted in rows}


def by_tier(
    sums: Sequence[ConversationSums], solved: dict[int, bool]
) -> tuple[SolvedByTier, ...]:
    """The weakest tier first; tiers without conversations are left out."""
    costs: dict[int, float] = {}
    served: dict[int, list[int]] = {}
    for s in sums:
        costs[s.conversation] = costs.get(s.conversation, 0.0) + s.cost
        counts = served.setdefault(s.conversation, [0] * len(Tier))
        served[s.conversation] = [a + b for a, b in zip(counts, s.served, strict=True)]
    mine: dict[Tier, list[int]] = {}
    for key, counts in served.items():
        mine.setdefault(max(Tier, key=lambda t, c=counts: (c[t], t)), []).append(key)
    return tuple(_tier(t, mine[t], costs, solved) for t in Tier if t in mine)


def _tier(
    tier: Tier, keys: list[int], costs: dict[int, float], solved: dict[int, bool]
) -> SolvedByTier:
    judged = [k for k in keys if k in solved]
    rows: list[Row] = [(costs[k], solved[k]) for k in judged]
    good = sum(solved[k] for k in judged)
    return SolvedByTier(
        tier=str(tier),
        conversations=len(keys),
        solved=good,
        failed=len(judged) - good,
        unknown=len(keys) - len(judged),
        cost=sum(costs[k] for k in judged),
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
