"""Records as SQL statements: each may come in any order, and more than once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

from openhands_tiered_router.policy.decision import Candidate, Decision
from openhands_tiered_router.policy.outcome import Attempt, ErrorKind, Outcome
from openhands_tiered_router.record.telemetry import clean, encoding, packing
from openhands_tiered_router.record.telemetry.records import (
    DecisionRecord,
    GuardEvent,
    Loss,
    OutcomeRecord,
    Record,
    TextRecord,
    ToolResult,
    Verdict,
)
from openhands_tiered_router.record.telemetry.situations import encode_situation
from openhands_tiered_router.record.telemetry.tier_sets import encode_tier_set


type Statement = tuple[str, Mapping[str, Any]]

NO_CONVERSATION: Final = ""
"""Stands for ``None`` in the table of conversations, so that keys are never NULL."""

NAMED: Final = frozenset(
    {
        "purpose",
        "policy",
        "endpoint",
        "model",
        "weighed",
        "served_endpoint",
        "served_model",
        "error_kind",
        "tool_name",
        "status",
        "action_kind",
    }
)
"""Columns that hold a key of the table of names."""

PENDING: Final = 1
"""Key of that status, by the migration."""

SAME_SECONDS: Final = 0.01
"""Seconds that a single request may be shorter than its call and still be left out."""


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
        case TextRecord():
            yield _texts(record)
        case Loss():
            yield _LOSS, {"time": record.time, "count": record.count}


def _decision(record: DecisionRecord) -> Iterator[Statement]:
    parent = record.parent_conversation_id
    yield _conversation(record.conversation_id, record.time, parent)
    columns = _decision_columns(record)
    if record.tiers is not None:
        endpoints = encode_tier_set(record.tiers)
        yield _TIER_SET, {"endpoints": endpoints}
        columns["tier_set"] = endpoints
    yield from _upsert(columns)
    text = encoding.encode_explanation(record.decision)
    yield _TASK, {"id": columns["id"], "text": text}
    yield _EXPLANATION, {"id": columns["id"], "text": text}
    if record.decision.situation is not None:
        situation = encode_situation(record.decision.situation)
        yield _SITUATION, {"id": columns["id"], "situation": situation}


def _decision_columns(record: DecisionRecord) -> dict[str, Any]:
    decision = record.decision
    chosen = next(
        (c for c in decision.candidates if c.endpoint == decision.endpoint), None
    )
    other = _weighed(decision)
    return {
        "id": packing.own_id(record.decision_id),
        "conversation": stored_conversation_id(record.conversation_id),
        "turn": record.turn,
        "purpose": clean.name(record.purpose),
        "time": encoding.finite(record.time),
        "policy": clean.name(decision.policy),
        "tier": decision.tier,
        "endpoint": clean.name(decision.endpoint),
        "model": _name(record.model),
        "need": decision.need,
        "floor": decision.floor,
        "cap": decision.cap,
        "pinned": decision.pinned,
        "score": _millionths(decision.score),
        "p_mechanical": _millionths(decision.p_mechanical),
        "propensity": encoding.finite(decision.propensity),
        "estimated_now": _billionths(chosen.cost_now if chosen else None),
        "estimated_return": _billionths(chosen.cost_return if chosen else None),
        "weighed": _name(other.endpoint if other else None),
        "weighed_now": _billionths(other.cost_now if other else None),
        "weighed_return": _billionths(other.cost_return if other else None),
        "overhead_us": packing.scaled(record.overhead_us, 1),
    }


def _weighed(decision: Decision) -> Candidate | None:
    """What was weighed against the choice: of those priced, the least dear now."""
    priced = (
        c
        for c in decision.candidates
        if c.endpoint != decision.endpoint and encoding.finite(c.cost_now) is not None
    )
    return min(priced, key=lambda c: c.cost_now or 0.0, default=None)


def _outcome(record: OutcomeRecord) -> Iterator[Statement]:
    yield _conversation(record.conversation_id, record.time, None)
    yield from _upsert(_outcome_columns(record), keep=("conversation", "time"))


def _outcome_columns(record: OutcomeRecord) -> dict[str, Any]:
    outcome, usage = record.outcome, record.outcome.usage
    response = outcome.response_id
    return {
        "id": packing.own_id(record.decision_id),
        "conversation": stored_conversation_id(record.conversation_id),
        "time": encoding.finite(record.time),
        "answered": outcome.endpoint is not None,
        "served_tier": record.tier,
        "served_endpoint": _name(outcome.endpoint),
        "served_model": _name(record.model),
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "cache_read_tokens": usage.cache_read,
        "cache_write_tokens": usage.cache_write,
        "reasoning_tokens": usage.reasoning,
        "cost": encoding.finite(outcome.cost),
        "seconds": _millionths(outcome.seconds),
        "first_token_seconds": _millionths(outcome.first_token_seconds),
        "attempts": _attempts(outcome),
        "error_kind": _error_kind(outcome),
        "response": None if response is None else packing.foreign_id(response),
    }


def _attempts(outcome: Outcome) -> str | None:
    """``None``: the usual; one request, which took as long as the call."""
    match outcome.attempts:
        case (Attempt(endpoint=endpoint, error=None, seconds=seconds),):
            late = abs(outcome.seconds - seconds)
            if endpoint == outcome.endpoint and late < SAME_SECONDS:
                return None
    return encoding.encode_attempts(outcome.attempts)


def _error_kind(outcome: Outcome) -> ErrorKind | None:
    """Why the call failed as a whole: how its last attempt did."""
    if outcome.endpoint is not None or not outcome.attempts:
        return None
    return outcome.attempts[-1].error


def _tool_result(record: ToolResult) -> Iterator[Statement]:
    columns = {
        "conversation": stored_conversation_id(record.conversation_id),
        "call": packing.foreign_id(record.tool_call_id),
        "tool_name": clean.name(record.tool_name),
        "time": record.time,
        "status": record.status,
        "action_kind": _name(record.action_kind),
        "exit_code": record.exit_code,
        "is_error": record.is_error,
        "failed": record.failed,
        "seconds": _millionths(record.seconds),
        "target": record.target,
        "failure": record.failure,
    }
    yield _conversation(record.conversation_id, record.time, None)
    yield from _new_names(columns)
    if record.response_id is None:
        yield _LATE_RESULT, columns
        return
    yield _TOOL_RESULT, columns | {"response": packing.foreign_id(record.response_id)}


def _guard_event(record: GuardEvent) -> Iterator[Statement]:
    yield _conversation(record.conversation_id, record.time, None)
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
    yield _conversation(record.conversation_id, record.time, None)
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


def _texts(record: TextRecord) -> Statement:
    return _TEXTS, {
        "id": packing.own_id(record.decision_id),
        "request": record.request,
        "answer": record.answer,
    }


def _conversation(
    conversation_id: str | None, time: float, parent: str | None
) -> Statement:
    return _CONVERSATION, {
        "id": stored_conversation_id(conversation_id),
        "last": encoding.finite(time),
        "parent_id": None if parent is None else clean.identifier(parent),
    }


def _new_names(columns: Mapping[str, Any]) -> Iterator[Statement]:
    for column in NAMED & columns.keys():
        if columns[column] is not None:
            yield _NAME, {"name": columns[column]}


def _upsert(columns: dict[str, Any], keep: tuple[str, ...] = ()) -> Iterator[Statement]:
    yield from _new_names(columns)
    yield _upsert_sql(tuple(columns), keep), columns


def _millionths(value: float | None) -> int | None:
    return packing.scaled(value, packing.MILLIONTH)


def _billionths(value: float | None) -> int | None:
    return packing.scaled(value, packing.BILLIONTH)


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
    INSERT INTO conversations (id, parent_id, last) VALUES (:id, :parent_id, :last)
    ON CONFLICT (id) DO UPDATE SET
        parent_id = coalesce(excluded.parent_id, parent_id),
        last = max(coalesce(last, excluded.last), coalesce(excluded.last, last)),
        stale = 1
"""

_NAME: Final = "INSERT INTO names (name) VALUES (:name) ON CONFLICT DO NOTHING"

_TIER_SET: Final = """
    INSERT INTO tier_sets (endpoints) VALUES (:endpoints) ON CONFLICT DO NOTHING
"""

_LATEST_TASK: Final = """
    FROM decision_rows d LEFT JOIN tasks t ON t.key =
        (SELECT max(key) FROM tasks WHERE conversation = d.conversation)
    WHERE d.id = :id
"""

# The first explanation of a task is kept whole, the next ones as how they differ.
_TASK: Final = f"""
    INSERT INTO tasks (conversation, body) SELECT d.conversation, packed(:text)
    {_LATEST_TASK} AND is_unlike(:text, t.body)
"""

_EXPLANATION: Final = f"""
    INSERT OR REPLACE INTO explanation_rows
    SELECT d.key, t.key, packed(:text, t.body) {_LATEST_TASK}
"""

_SITUATION: Final = """
    INSERT OR REPLACE INTO situations
    SELECT key, :situation FROM decision_rows WHERE id = :id
"""

_TEXTS: Final = """
    INSERT OR REPLACE INTO texts
    SELECT key, :request, :answer FROM decision_rows WHERE id = :id
"""


def _value(column: str) -> str:
    """What to store of a column's parameter."""
    if column == "conversation":
        return _KEY_OF
    if column == "tier_set":
        return "(SELECT key FROM tier_sets WHERE endpoints = :tier_set)"
    if column in NAMED:
        return f"(SELECT key FROM names WHERE name = :{column})"
    return f":{column}"


_TOOL_COLUMNS: Final = (
    "conversation",
    "response",
    "call",
    "tool_name",
    "time",
    "status",
    "action_kind",
    "exit_code",
    "is_error",
    "failed",
    "seconds",
    "target",
    "failure",
)

# A result that comes late, or twice, completes the row and takes nothing from it.
_TOOL_RESULT: Final = f"""
    INSERT INTO tool_rows VALUES ({", ".join(map(_value, _TOOL_COLUMNS))})
    ON CONFLICT DO UPDATE SET
        time = max(time, excluded.time),
        status = iif(excluded.status = {PENDING}, status, excluded.status),
        action_kind = coalesce(excluded.action_kind, action_kind),
        exit_code = coalesce(excluded.exit_code, exit_code),
        is_error = coalesce(excluded.is_error, is_error),
        failed = coalesce(excluded.failed, failed),
        seconds = coalesce(excluded.seconds, seconds),
        target = coalesce(excluded.target, target),
        failure = coalesce(excluded.failure, failure)
"""

_LATE_RESULT: Final = f"""
    UPDATE tool_rows SET
        time = :time, status = {_value("status")}, exit_code = :exit_code,
        is_error = :is_error, failed = :failed, failure = :failure
    WHERE (conversation, response, call) = (
        SELECT conversation, response, call FROM tool_rows
        WHERE conversation = {_KEY_OF} AND call = :call AND status = {PENDING}
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
    values = ", ".join(map(_value, names))
    changed = (n for n in names if n not in ("id", *keep))
    changes = ", ".join(f"{n} = excluded.{n}" for n in changed)
    return (
        f"INSERT INTO decision_rows ({', '.join(names)}) VALUES ({values}) "
        f"ON CONFLICT (id) DO UPDATE SET {changes}"
    )
