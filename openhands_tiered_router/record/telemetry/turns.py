"""A decision with its consequences, from the rows of the file."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from openhands_tiered_router.policy.decision import Decision
from openhands_tiered_router.policy.outcome import Attempt, Outcome, Usage
from openhands_tiered_router.record.telemetry import encoding, packing
from openhands_tiered_router.record.telemetry.records import ToolResult, ToolStatus
from openhands_tiered_router.tiers import Tier


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A decision as it stands on record, with its consequences so far."""

    decision_id: str
    conversation_id: str | None
    parent_conversation_id: str | None
    turn: int | None
    purpose: str | None
    time: float | None
    model: str | None
    overhead_us: float | None
    decision: Decision | None
    """``None``: only its outcome reached the file."""
    outcome: Outcome | None
    """``None``: not there yet, or lost."""
    served_tier: Tier | None
    served_model: str | None
    tier_set: int | None
    """What it was chosen from, among ``TelemetryFile.tier_sets()``."""
    quality: int | None
    """0 to 100; ``None``: not judged, or not yet."""
    provision: str | None
    """``right``, ``over`` or ``under``; ``None``: not known."""
    tools: tuple[ToolResult, ...]
    """Of the answer's tool calls, oldest first."""


def read_turns(
    connection: sqlite3.Connection, where: str, values: Mapping[str, object]
) -> list[Turn]:
    """Turns that a condition on ``d``, ``c`` and parameters holds for, in order."""
    rows = connection.execute(f"{_TURNS} WHERE {where} ORDER BY d.time, d.key", values)
    return [_turn(r, _tools(connection, r)) for r in rows.fetchall()]


def _turn(row: sqlite3.Row, tools: tuple[ToolResult, ...]) -> Turn:
    return Turn(
        decision_id=packing.own_id_text(row["stored_id"]),
        conversation_id=row["conversation_id"] or None,
        parent_conversation_id=row["parent_id"],
        turn=row["turn"],
        purpose=row["purpose"],
        time=row["time"],
        model=row["model"],
        overhead_us=row["overhead_us"],
        decision=None if row["tier"] is None else _decision(row),
        outcome=None if row["answered"] is None else _outcome(row),
        served_tier=tier_of(row["served_tier"]),
        served_model=row["served_model"],
        tier_set=row["tier_set"],
        quality=row["quality"],
        provision=row["provision"],
        tools=tools,
    )


def _decision(row: sqlite3.Row) -> Decision:
    explanation = _explanation(row)
    return Decision(
        tier=Tier.parse(row["tier"]),
        endpoint=row["endpoint"],
        fallbacks=explanation.fallbacks,
        need=Tier.parse(row["need"]),
        floor=tier_of(row["floor"]),
        cap=tier_of(row["cap"]),
        pinned=bool(row["pinned"]),
        score=row["score"],
        p_mechanical=row["p_mechanical"],
        candidates=explanation.candidates,
        reasons=explanation.reasons,
        dimensions=explanation.dimensions,
        propensity=row["propensity"],
        policy=row["policy"],
    )


def _explanation(row: sqlite3.Row) -> encoding.Explanation:
    """An empty one for what is gone, or was written by a later release."""
    if row["body"] is None:
        return encoding.Explanation()
    try:
        text = packing.unpacked(row["body"], row["task_body"])
        return encoding.decode_explanation(text)
    except (ValueError, TypeError, KeyError):
        return encoding.Explanation()


def _outcome(row: sqlite3.Row) -> Outcome:
    endpoint, seconds = row["served_endpoint"], row["seconds"]
    if row["attempts"] is None:
        attempts = (Attempt(endpoint=endpoint, error=None, seconds=seconds),)
    else:
        attempts = encoding.decode_attempts(row["attempts"])
    response = row["response"]
    return Outcome(
        endpoint=endpoint,
        attempts=attempts,
        usage=usage_of(row),
        cost=row["cost"],
        seconds=seconds,
        first_token_seconds=row["first_token_seconds"],
        response_id=None if response is None else packing.foreign_id_text(response),
    )


def _tools(connection: sqlite3.Connection, turn: sqlite3.Row) -> tuple[ToolResult, ...]:
    if turn["response"] is None:
        return ()
    rows = connection.execute(_TOOLS, (turn["conversation"], turn["response"]))
    return tuple(_tool_result(r, turn["conversation_id"] or None) for r in rows)


def _tool_result(row: sqlite3.Row, conversation_id: str | None) -> ToolResult:
    return ToolResult(
        conversation_id=conversation_id,
        response_id=packing.foreign_id_text(row["response"]),
        tool_call_id=packing.foreign_id_text(row["call"]),
        tool_name=row["tool_name"],
        time=row["time"],
        status=ToolStatus(row["status"]),
        action_kind=row["action_kind"],
        exit_code=row["exit_code"],
        is_error=flag(row["is_error"]),
        failed=flag(row["failed"]),
        seconds=row["seconds"],
        target=row["target"],
        failure=row["failure"],
    )


def usage_of(row: sqlite3.Row) -> Usage:
    return Usage(
        prompt=row["prompt_tokens"],
        completion=row["completion_tokens"],
        cache_read=row["cache_read_tokens"],
        cache_write=row["cache_write_tokens"],
        reasoning=row["reasoning_tokens"],
    )


def tier_of(name: str | None) -> Tier | None:
    return None if name is None else Tier.parse(name)


def flag(value: int | None) -> bool | None:
    return None if value is None else bool(value)


_TURNS: Final = """
    SELECT d.*, r.id AS stored_id, c.id AS conversation_id, c.parent_id,
        e.body, t.body AS task_body
    FROM decisions d
    JOIN decision_rows r ON r.key = d.key
    JOIN conversations c ON c.key = d.conversation
    LEFT JOIN explanation_rows e ON e.decision = d.key
    LEFT JOIN tasks t ON t.key = e.task
"""

_TOOLS: Final = """
    SELECT * FROM tool_results WHERE conversation = ? AND response = ?
    ORDER BY time, call
"""
