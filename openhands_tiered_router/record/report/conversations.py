"""The conversations of a report, one line each, and their turns for the page."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from openhands_tiered_router.record.telemetry.query import TelemetryFile
from openhands_tiered_router.record.telemetry.records import AGENT_TURN, Call
from openhands_tiered_router.record.telemetry.sums import Group, Sums


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A conversation with calls in the report's time; sums are over these calls."""

    conversation_id: str
    parent_id: str | None
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
                parent_id=row["parent_id"],
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


_LATEST: Final = """
    SELECT * FROM conversations
    WHERE id != '' AND key IN (SELECT conversation FROM cells)
    ORDER BY last DESC LIMIT :most
"""


def turns_of(
    path: Path, conversation_id: str, best: str | None
) -> list[dict[str, Any]]:
    """The calls of a conversation as the page shows them, in order of time."""
    return [_turn(call, best) for call in TelemetryFile(path).turns(conversation_id)]


def _turn(call: Call, best: str | None) -> dict[str, Any]:
    reasons = call.explanation.reasons if call.explanation else ()
    prompt, read = call.prompt_tokens, call.cache_read_tokens
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
        "prompt": prompt,
        "cached": read,
        "output": call.completion_tokens,
        "seconds": call.seconds,
        "answered": call.answered,
        "error": call.error_kind,
        "requests": call.requests,
        "failed": sum(bool(tool.failed) for tool in call.tools),
        "provision": call.provision,
        "signs": (call.signs or "").split(),
        "reason": call.decision.why if call.decision else "",
        "why": [f"{r.rule}: {r.text}" for r in reasons],
    }
