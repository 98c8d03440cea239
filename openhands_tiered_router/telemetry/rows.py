"""Records as SQL statements: each may come in any order, and more than once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

from openhands_tiered_router.core.decision import Decision, ErrorKind, Outcome
from openhands_tiered_router.telemetry import clean, encoding
from openhands_tiered_router.telemetry.records import (
    DecisionRecord,
    GuardEvent,
    Loss,
    OutcomeRecord,
    Record,
    ToolResult,
    Verdict,
)
from openhands_tiered_router.telemetry.situations import encode_situation
from openhands_tiered_router.tiers import Tier


type Statement = tuple[str, Mapping[str, Any]]

NO_CONVERSATION: Final = ""
"""Stands for ``None`` in the table of conversations, so that keys are never NULL."""


def stored_conversation_id(conversation_id: str | None) -> str:
    """The ``id`` that the table of conversations has for it."""
    if conversation_id is None:
        return NO_CONVERSATION
    return clean.identifier(conversation_id)


def statements(record: Record) -> Iterator[Statement]:
    """What to execute to put a record into the file, in order."""
    match record:
        case DecisionRecord():
            yield from _decision(record)
        case OutcomeRecord():
            yield from _outcome(record)
        case ToolResult():
            yield from _tool_result(record)
        case GuardEvent():
            yield from _guard_event(record)
        case Verdict():
            yield from _verdict(record)
        case Loss():
            yield _LOSS, {"time": record.time, "count": record.count}


def _decision(record: DecisionRecord) -> Iterator[Statement]:
    yield _conversation(record.conversation_id, record.parent_conversation_id)
    columns = _decision_columns(record)
    yield _upsert_sql(tuple(columns), ()), columns
    yield _EXPLANATION, _explanation(record.decision) | {"id": columns["id"]}
    if record.decision.situation is not None:
        situation = encode_situation(record.decision.situation)
        yield _SITUATION, {"id": columns["id"], "situation": situation}


def _decision_columns(record: DecisionRecord) -> dict[str, Any]:
    decision = record.decision
    chosen = next(
        (c for c in decision.candidates if c.endpoint == decision.endpoint), None
    )
    return {
        "id": clean.identifier(record.decision_id),
        "conversation": stored_conversation_id(record.conversation_id),
        "turn": record.turn,
        "purpose": clean.name(record.purpose),
        "time": encoding.finite(record.time),
        "policy": clean.name(decision.policy),
        "tier": str(decision.tier),
        "endpoint": clean.name(decision.endpoint),
        "model": _name(record.model),
        "need": str(decision.need),
        "floor": _tier(decision.floor),
        "cap": _tier(decision.cap),
        "pinned": decision.pinned,
        "score": encoding.finite(decision.score),
        "p_mechanical": encoding.finite(decision.p_mechanical),
        "propensity": encoding.finite(decision.propensity),
        "estimated_now": encoding.finite(chosen.cost_now) if chosen else None,
        "estimated_return": encoding.finite(chosen.cost_return) if chosen else None,
        "overhead_us": encoding.finite(record.overhead_us),
    }


def _explanation(decision: Decision) -> dict[str, str]:
    return {
        "fallbacks": encoding.encode_names(decision.fallbacks),
        "candidates": encoding.encode_candidates(decision.candidates),
        "reasons": encoding.encode_reasons(decision.reasons),
        "dimensions": encoding.encode_dimensions(decision.dimensions),
    }


def _outcome(record: OutcomeRecord) -> Iterator[Statement]:
    yield _conversation(record.conversation_id, None)
    columns = _outcome_columns(record)
    yield _upsert_sql(tuple(columns), ("conversation", "time")), columns


def _outcome_columns(record: OutcomeRecord) -> dict[str, Any]:
    outcome, usage = record.outcome, record.outcome.usage
    response = outcome.response_id
    return {
        "id": clean.identifier(record.decision_id),
        "conversation": stored_conversation_id(record.conversation_id),
        "time": encoding.finite(record.time),
        "answered": outcome.endpoint is not None,
        "served_tier": _tier(record.tier),
        "served_endpoint": _name(outcome.endpoint),
        "served_model": _name(record.model),
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "cache_read_tokens": usage.cache_read,
        "cache_write_tokens": usage.cache_write,
        "reasoning_tokens": usage.reasoning,
        "cost": encoding.finite(outcome.cost),
        "seconds": encoding.finite(outcome.seconds),
        "first_token_seconds": encoding.finite(outcome.first_token_seconds),
        "attempts": encoding.encode_attempts(outcome.attempts),
        "error_kind": _error_kind(outcome),
        "response_id": None if response is None else clean.identifier(response),
    }


def _error_kind(outcome: Outcome) -> ErrorKind | None:
    """Why the call failed as a whole: how its last attempt did."""
    if outcome.endpoint is not None or not outcome.attempts:
        return None
    return outcome.attempts[-1].error


def _tool_result(record: ToolResult) -> Iterator[Statement]:
    columns = {
        "conversation": stored_conversation_id(record.conversation_id),
        "tool_call_id": clean.identifier(record.tool_call_id),
        "tool_name": clean.name(record.tool_name),
        "time": record.time,
        "status": record.status,
        "action_kind": _name(record.action_kind),
        "exit_code": record.exit_code,
        "is_error": record.is_error,
        "failed": record.failed,
        "seconds": encoding.finite(record.seconds),
        "rework": record.rework,
    }
    if record.response_id is None:
        yield _LATE_RESULT, columns
        return
    yield _conversation(record.conversation_id, None)
    response = {"response_id": clean.identifier(record.response_id)}
    yield _TOOL_RESULT, columns | response


def _guard_event(record: GuardEvent) -> Iterator[Statement]:
    yield _conversation(record.conversation_id, None)
    yield (
        _GUARD_EVENT,
        {
            "conversation": stored_conversation_id(record.conversation_id),
            "time": record.time,
            "guard": clean.name(record.guard),
            "kind": clean.name(record.kind),
            "detail": encoding.encode_detail(record.detail),
        },
    )


def _verdict(record: Verdict) -> Iterator[Statement]:
    yield _conversation(record.conversation_id, None)
    yield (
        _VERDICT,
        {
            "conversation": stored_conversation_id(record.conversation_id),
            "time": record.time,
            "judge": clean.name(record.judge),
            "accepted": record.accepted,
            "reason": clean.name(record.reason),
            "round": record.round,
            "tests": record.tests,
            "failing": record.failing,
            "already_failing": record.already_failing,
            "seconds": encoding.finite(record.seconds),
        },
    )


def _conversation(conversation_id: str | None, parent: str | None) -> Statement:
    return _CONVERSATION, {
        "id": stored_conversation_id(conversation_id),
        "parent_id": None if parent is None else clean.identifier(parent),
    }


def _tier(tier: Tier | None) -> str | None:
    return None if tier is None else str(tier)


def _name(value: str | None) -> str | None:
    return None if value is None else clean.name(value)


_LOSS: Final = "INSERT INTO losses VALUES (:time, :count)"

_KEY_OF: Final = "(SELECT key FROM conversations WHERE id = :conversation)"

_GUARD_EVENT: Final = f"""
    INSERT INTO guard_events (conversation, time, guard, kind, detail)
    VALUES ({_KEY_OF}, :time, :guard, :kind, :detail)
"""

_VERDICT: Final = f"""
    INSERT INTO verdicts (
        conversation, time, judge, accepted, reason, round, tests, failing,
        already_failing, seconds
    ) VALUES (
        {_KEY_OF}, :time, :judge, :accepted, :reason, :round, :tests, :failing,
        :already_failing, :seconds
    )
"""

_CONVERSATION: Final = """
    INSERT INTO conversations (id, parent_id) VALUES (:id, :parent_id)
    ON CONFLICT (id) DO UPDATE SET parent_id = excluded.parent_id
    WHERE excluded.parent_id IS NOT NULL
"""

_EXPLANATION: Final = """
    INSERT OR REPLACE INTO explanations
    SELECT key, :fallbacks, :candidates, :reasons, :dimensions
    FROM decisions WHERE id = :id
"""

_SITUATION: Final = """
    INSERT OR REPLACE INTO situations
    SELECT key, :situation FROM decisions WHERE id = :id
"""

# A result that comes late, or twice, completes the row and takes nothing from it.
_TOOL_RESULT: Final = f"""
    INSERT INTO tool_results VALUES (
        {_KEY_OF}, :response_id, :tool_call_id, :tool_name, :time, :status,
        :action_kind, :exit_code, :is_error, :failed, :seconds, :rework
    )
    ON CONFLICT DO UPDATE SET
        time = max(time, excluded.time),
        status = iif(excluded.status = 'pending', status, excluded.status),
        action_kind = coalesce(excluded.action_kind, action_kind),
        exit_code = coalesce(excluded.exit_code, exit_code),
        is_error = coalesce(excluded.is_error, is_error),
        failed = coalesce(excluded.failed, failed),
        seconds = coalesce(excluded.seconds, seconds),
        rework = coalesce(excluded.rework, rework)
"""

_LATE_RESULT: Final = f"""
    UPDATE tool_results SET
        time = :time, status = :status, exit_code = :exit_code,
        is_error = :is_error, failed = :failed
    WHERE (conversation, response_id, tool_call_id) = (
        SELECT conversation, response_id, tool_call_id FROM tool_results
        WHERE conversation = {_KEY_OF} AND tool_call_id = :tool_call_id
            AND status = 'pending'
        ORDER BY time DESC LIMIT 1
    )
"""


@cache
def _upsert_sql(names: tuple[str, ...], keep: tuple[str, ...]) -> str:
    """Writes either half of a decision's row, whichever comes first.

    Args:
        names: The columns; the parameters have the same names.
        keep: Those that stay as they are if the row is there.
    """
    values = ", ".join(_KEY_OF if n == "conversation" else f":{n}" for n in names)
    changed = (n for n in names if n not in ("id", *keep))
    changes = ", ".join(f"{n} = excluded.{n}" for n in changed)
    return (
        f"INSERT INTO decisions ({', '.join(names)}) VALUES ({values}) "
        f"ON CONFLICT (id) DO UPDATE SET {changes}"
    )
