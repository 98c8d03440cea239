"""One decision in numbers, without its explanation: for questions over many."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from openhands_tiered_router.policy.outcome import Usage
from openhands_tiered_router.record.telemetry.packing import own_id_text
from openhands_tiered_router.record.telemetry.quality import Provision, Sign, signs_of
from openhands_tiered_router.record.telemetry.query import TelemetryFile
from openhands_tiered_router.record.telemetry.rows import stored_conversation_id
from openhands_tiered_router.record.telemetry.turns import flag, tier_of, usage_of
from openhands_tiered_router.tiers import Tier


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnFacts:
    """A row of ``decisions``; what is not known is ``None``."""

    key: int
    decision_id: str
    conversation: int
    """Key of the conversation: equal for turns of the same one."""
    conversation_id: str | None
    turn: int | None
    purpose: str | None
    time: float | None
    """Seconds since the epoch."""
    policy: str | None
    tier: Tier | None
    endpoint: str | None
    model: str | None
    need: Tier | None
    floor: Tier | None
    cap: Tier | None
    pinned: bool
    score: float | None
    p_mechanical: float | None
    propensity: float | None
    estimated_now: float | None
    """USD; so are the other estimates and ``cost``."""
    estimated_return: float | None
    weighed: str | None
    """The endpoint that the chosen one was weighed against."""
    weighed_now: float | None
    weighed_return: float | None
    tier_set: int | None
    overhead_us: int | None
    answered: bool | None
    served_tier: Tier | None
    served_endpoint: str | None
    served_model: str | None
    usage: Usage
    cost: float | None
    seconds: float | None
    first_token_seconds: float | None
    requests: int
    """Requests that were sent for it; more than one: a failover."""
    error_kind: str | None
    moved: bool | None
    """Served by another endpoint than the agent's turn before; ``None``: the first."""
    hard: bool | None
    """Whether it was more than mechanical, by what it then did."""
    tool_calls: int
    tool_failures: int
    quality: int | None
    """0 to 100."""
    provision: Provision | None
    quality_reasons: tuple[Sign, ...]


def turn_facts(
    file: TelemetryFile,
    since: float = 0.0,
    until: float = math.inf,
    conversation_id: str | None = None,
) -> Iterator[TurnFacts]:
    """Decisions by conversation and time; the file stays open while it is iterated.

    Args:
        file: Where from.
        since: Seconds since the epoch, included.
        until: Seconds since the epoch, not included.
        conversation_id: Only this one's; ``None``: all.

    Raises:
        TelemetryReadError: It cannot be read.
    """
    where, values = "last >= :since", dict[str, float | str](since=since, until=until)
    if conversation_id is not None:
        where, values["id"] = "id = :id", stored_conversation_id(conversation_id)
    with file.reading() as connection:
        if connection is None:
            return
        sql = f"SELECT key FROM conversations WHERE {where} ORDER BY key"
        for (key,) in connection.execute(sql, values).fetchall():
            yield from map(_facts, connection.execute(_ONE, values | {"key": key}))


def _facts(row: sqlite3.Row) -> TurnFacts:
    provision = row["provision"]
    return TurnFacts(
        **{name: row[name] for name in _AS_THEY_ARE},
        decision_id=own_id_text(row["stored_id"]),
        conversation_id=row["conversation_id"] or None,
        tier=tier_of(row["tier"]),
        need=tier_of(row["need"]),
        floor=tier_of(row["floor"]),
        cap=tier_of(row["cap"]),
        pinned=bool(row["pinned"]),
        answered=flag(row["answered"]),
        served_tier=tier_of(row["served_tier"]),
        usage=usage_of(row),
        moved=flag(row["moved"]),
        hard=flag(row["hard"]),
        provision=None if provision is None else Provision(provision),
        quality_reasons=signs_of(row["quality_reasons"] or 0),
    )


_AS_THEY_ARE: Final = (
    "key",
    "conversation",
    "turn",
    "purpose",
    "time",
    "policy",
    "endpoint",
    "model",
    "score",
    "p_mechanical",
    "propensity",
    "estimated_now",
    "estimated_return",
    "weighed",
    "weighed_now",
    "weighed_return",
    "tier_set",
    "overhead_us",
    "served_endpoint",
    "served_model",
    "cost",
    "seconds",
    "first_token_seconds",
    "requests",
    "error_kind",
    "tool_calls",
    "tool_failures",
    "quality",
)

_TOOLS: Final = """
    FROM tool_rows t WHERE t.conversation = d.conversation AND t.response = d.response
"""

_ONE: Final = f"""
    SELECT d.*, r.id AS stored_id, c.id AS conversation_id,
        CASE WHEN d.attempts IS NULL THEN coalesce(d.answered, 0)
            ELSE json_array_length(d.attempts) END AS requests,
        (SELECT count(*) {_TOOLS}) AS tool_calls,
        (SELECT coalesce(sum(failed), 0) {_TOOLS}) AS tool_failures
    FROM decisions d JOIN decision_rows r ON r.key = d.key
    JOIN conversations c ON c.key = d.conversation
    WHERE d.conversation = :key AND d.time >= :since AND d.time < :until
    ORDER BY d.time, d.key
"""
