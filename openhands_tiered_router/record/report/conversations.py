"""The conversations of a report: what each cost, whether it was solved, its turns."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from openhands_tiered_router.record.report.intervals import Estimate, Row, estimates
from openhands_tiered_router.record.telemetry.query import TelemetryFile
from openhands_tiered_router.record.telemetry.records import AGENT_TURN, VERIFIER, Call
from openhands_tiered_router.record.telemetry.sums import MISROUTED, Group, Span, Sums


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A conversation with calls in the report's time; sums are over these calls."""

    conversation_id: str
    first: float
    """Of all its records, seconds since the epoch; so is ``last``."""
    last: float
    turns: int
    calls: int
    cost: float
    """USD."""
    unpriced: int
    alone: float | None
    """USD that these turns would have cost on the best single model, the other calls
    as they were; ``None``: not known."""
    accepted: bool | None
    """The last verdict on its work; ``None``: there is none."""
    too_weak: int
    """Turns that were served by a tier too weak for them."""
    too_strong: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Solved:
    """How many conversations were solved, and at what price."""

    solved: int
    failed: int
    unknown: int
    """Without a verdict: they are in no figure here but this one."""
    cost: float
    """USD of the judged ones, the failed ones included."""
    per_solved: Estimate | None
    """USD; ``None``: none was solved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Misroute:
    """A turn that got more than it needed, or less."""

    decision_id: str
    conversation_id: str | None
    turn: int | None
    """From 1."""
    tier: str | None
    provision: str
    """``over`` or ``under``."""
    signs: tuple[str, ...]
    """Values of ``quality.Sign``."""
    cost: float | None
    """USD."""
    hard: bool


def verdicts_by_conversation(connection: sqlite3.Connection) -> dict[str, bool]:
    """By key of the conversation: its last verdict, that of people or CI before the
    verifier's own."""
    rows = connection.execute(_VERDICTS, {"verifier": VERIFIER})
    return {str(key): bool(accepted) for key, accepted in rows}


def solved(conversations: Sequence[Group], verdicts: Mapping[str, bool]) -> Solved:
    """Sums up verdicts.

    Args:
        conversations: Sums by conversation.
        verdicts: By key of the conversation.
    """
    turns = [c for c in conversations if c["turns"]]
    judged: list[Row] = [
        (c["cost"], verdicts[key]) for c in turns if (key := c.key[0] or "") in verdicts
    ]
    good = round(sum(accepted for _, accepted in judged))
    return Solved(
        solved=good,
        failed=len(judged) - good,
        unknown=len(turns) - len(judged),
        cost=sum(cost for cost, _ in judged),
        per_solved=estimates(judged, [_per_solved])[0],
    )


def _per_solved(sums: Row) -> float | None:
    return sums[0] / sums[1] if sums[1] else None


def tasks(
    connection: sqlite3.Connection,
    sums: Sums,
    conversations: Sequence[Group],
    verdicts: Mapping[str, bool],
    best: str | None,
    most: int,
) -> tuple[Task, ...]:
    """The latest conversations of what ``sums`` has, the latest first.

    Args:
        connection: That ``sums`` was made with.
        sums: Of the report's calls.
        conversations: Sums of each conversation.
        verdicts: By key of the conversation.
        best: Tier of the best single model; ``None``: not known.
        most: How many.
    """
    by_provision = {
        g.key: g["turns"]
        for g in (sums.by("conversation", "provision", sums=("turns",)) if most else ())
        if g.key[1]
    }
    groups = {g.key[0]: g for g in conversations}
    found: list[Task] = []
    for row in connection.execute(_LATEST, {"most": most}):
        key = str(row["key"])
        group = groups[key]
        rest = group["cost"] - group["compared_usd"]
        known = best is not None and group["compared"]
        found.append(
            Task(
                conversation_id=row["id"],
                first=row["first"],
                last=row["last"],
                turns=round(group["turns"]),
                calls=round(group["calls"]),
                cost=group["cost"],
                unpriced=round(group["unpriced"]),
                alone=group[f"alone_{best}"] + rest if known else None,
                accepted=verdicts.get(key),
                too_weak=round(by_provision.get((key, "under"), 0)),
                too_strong=round(by_provision.get((key, "over"), 0)),
            )
        )
    return tuple(found)


def misroutes(
    connection: sqlite3.Connection, span: Span, limit: int
) -> tuple[Misroute, ...]:
    """Too weak tiers first, then the dearest; of turns that are judged alone.

    Args:
        connection: Open for reading.
        span: Which calls.
        limit: How many at most.
    """
    if not limit:
        return ()
    # SQLite would rather look at all calls of that time.
    index = "INDEXED BY misrouted_decisions" if span.conversation is None else ""
    sql = f"""
        SELECT d.*, c.id AS conversation_id
        FROM decisions d {index} CROSS JOIN conversations c ON c.key = d.conversation
        WHERE d.{MISROUTED} AND {span.where("d.")}
        ORDER BY d.provision DESC, d.cost DESC LIMIT :limit
    """
    return tuple(
        Misroute(
            decision_id=row["id"],
            conversation_id=row["conversation_id"] or None,
            turn=row["turn"],
            tier=row["served_tier"],
            provision=row["provision"],
            signs=tuple((row["signs"] or "").split()),
            cost=row["cost"],
            hard=bool(row["hard"]),
        )
        for row in connection.execute(sql, span.values() | {"limit": limit})
    )


def turns_of(
    path: Path, conversation_id: str, best: str | None
) -> list[dict[str, Any]]:
    """The calls of a conversation as the page shows them, in order of time."""
    return [_turn(call, best) for call in TelemetryFile(path).turns(conversation_id)]


def _turn(call: Call, best: str | None) -> dict[str, Any]:
    reasons = call.explanation.reasons if call.explanation else ()
    return {
        "id": call.id,
        "turn": call.turn,
        "purpose": None if call.purpose == AGENT_TURN else call.purpose,
        "time": call.time,
        "tier": call.shown_tier,
        "chosen": call.tier if call.tier != call.served_tier else None,
        "model": call.served_model or call.model,
        "cost": call.cost,
        "alone": getattr(call, f"alone_{best}") if best else None,
        "prompt": call.prompt_tokens,
        "cached": call.cache_read_tokens,
        "output": call.completion_tokens,
        "seconds": call.seconds,
        "answered": call.answered,
        "error": call.error_kind,
        "requests": call.requests,
        "failed": sum(bool(tool.failed) for tool in call.tools),
        "provision": call.provision,
        "signs": (call.signs or "").split(),
        "reason": call.decision.why,
        "why": [f"{r.rule}: {r.text}" for r in reasons],
    }


# SQLite takes the other columns of a group from the row that has its maximum.
_VERDICTS: Final = """
    SELECT conversation, accepted FROM (
        SELECT conversation, accepted, max((judge != :verifier) * 1e12 + time)
        FROM verdicts WHERE accepted IS NOT NULL GROUP BY conversation
    )
"""

_LATEST: Final = """
    SELECT * FROM conversations
    WHERE id != '' AND key IN (SELECT conversation FROM cells)
    ORDER BY last DESC LIMIT :most
"""
