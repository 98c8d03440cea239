"""Records as SQL: each may come in any order, and more than once."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

import msgspec

from openhands_tiered_router.policy.outcome import Attempt
from openhands_tiered_router.record.telemetry import clean
from openhands_tiered_router.record.telemetry.calls import DECIDED, ENDED
from openhands_tiered_router.record.telemetry.opening import NO_CONVERSATION
from openhands_tiered_router.record.telemetry.records import (
    Call,
    GuardEvent,
    Loss,
    Record,
    TextRecord,
    ToolResult,
    ToolStatus,
    Verdict,
)
from openhands_tiered_router.record.telemetry.schema import (
    TOOL_COLUMNS,
    VERDICT_COLUMNS,
)
from openhands_tiered_router.record.telemetry.tier_sets import encode_tier_set


type Statement = tuple[str, Mapping[str, Any]]


def stored_id(conversation_id: str | None) -> str:
    """The ``id`` that the table of conversations has for it."""
    if conversation_id is None:
        return NO_CONVERSATION
    return clean.identifier(conversation_id)


def statements(record: Record, process: str | None = None) -> Iterator[Statement]:
    """What to execute to put a record into the file, in order.

    Args:
        record: Any.
        process: Name of the process that serves the conversation; see ``live``.
    """
    match record:
        case Call():
            yield from _call(record, process)
        case ToolResult():
            yield _conversation(record)
            yield _tool_result(record)
        case GuardEvent():
            yield _conversation(record)
            detail = {clean.name(k): v for k, v in record.detail.items()}
            yield _GUARD_EVENT, _stored(record) | {"detail": _json(detail)}
        case Verdict():
            yield _conversation(record)
            yield _VERDICT, _stored(record)
        case TextRecord():
            yield (
                _TEXTS,
                {
                    "id": clean.identifier(record.decision_id),
                    "request": record.request,
                    "answer": record.answer,
                },
            )
        case Loss():
            yield _LOSS, {"time": record.time, "count": record.count}


def _call(call: Call, process: str | None) -> Iterator[Statement]:
    yield _conversation(call, call.parent_id, call.config, process)
    columns = _columns(call)
    values = _stored(call) | {"id": clean.identifier(call.id)}
    if call.response is not None:
        values["response"] = clean.identifier(call.response)
    values["attempts"] = _attempts(call)
    if call.tiers is not None:
        values["endpoints"] = encode_tier_set(call.tiers)
        yield _TIER_SET, {"endpoints": values["endpoints"]}
    yield _upsert(columns, call.tier is None), values
    if call.explanation is not None:
        # Without this the file is three times as large: docs/telemetry.md.
        body = zlib.compress(_json(call.explanation).encode())
        yield _EXPLANATION, {"id": values["id"], "body": body}


def _columns(call: Call) -> tuple[str, ...]:
    """The columns that this half of the row, or the whole of it, has a say in."""
    columns: tuple[str, ...] = ()
    if call.tier is not None:
        columns += DECIDED
    if call.tiers is not None:
        columns += ("tier_set",)
    if call.answered is not None:
        columns += (*ENDED, "attempts")
    return columns


def _attempts(call: Call) -> str | None:
    """``None``: the usual; one request, which took about as long as the call."""
    match call.attempts:
        case None | ():
            return None
        case (Attempt(endpoint=endpoint, error=None, seconds=seconds),):
            late = abs((call.seconds or 0.0) - seconds)
            if endpoint == call.served_endpoint and late < _SAME_SECONDS:
                return None
    return _json(call.attempts)


_SAME_SECONDS: Final = 0.01
"""Seconds that a single request may be shorter than its call and still be left out."""


def _tool_result(record: ToolResult) -> Statement:
    values = _stored(record) | {"call": clean.identifier(record.tool_call_id)}
    if record.response_id is None:
        return _LATE_RESULT, values
    return _TOOL_RESULT, values | {"response": clean.identifier(record.response_id)}


def _conversation(
    record: Call | ToolResult | GuardEvent | Verdict,
    parent: str | None = None,
    config: str | None = None,
    process: str | None = None,
) -> Statement:
    return _CONVERSATION, {
        "id": stored_id(record.conversation_id),
        "time": _value(record.time),
        "parent_id": None if parent is None else clean.identifier(parent),
        "config": config,
        "process": process,
    }


def _stored(record: Call | ToolResult | GuardEvent | Verdict) -> dict[str, Any]:
    """The fields as the file can hold them, texts without what looks like a key."""
    names = (n for n in record.__struct_fields__ if n not in _APART)
    values = {name: _value(getattr(record, name)) for name in names}
    return values | {"conversation": stored_id(record.conversation_id)}


def _value(value: Any) -> Any:
    match value:
        case str():
            return clean.name(value)
        case float():
            return value if math.isfinite(value) else None
        case None | int():
            return value
    raise TypeError(f"{type(value).__name__} is not a column's value")


_APART: Final = frozenset({"tiers", "attempts", "explanation", "tools", "detail"})
"""Fields that are stored as JSON, or in tables of their own."""


def _json(value: Any) -> str:
    return msgspec.json.encode(_clean(value)).decode()


def _clean(value: Any) -> Any:
    """Plain lists and dictionaries, with each text in them redacted and cut."""
    match value:
        case str():
            return clean.text(value)
        case dict():
            return {k: _clean(v) for k, v in value.items()}
        case list() | tuple():
            return [_clean(v) for v in value]
        case None | bool() | int() | float():
            return value
    return _clean(msgspec.to_builtins(value, str_keys=True))


_KEY_OF: Final = "(SELECT key FROM conversations WHERE id = :conversation)"

_LOSS: Final = "INSERT INTO losses VALUES (:time, :count)"

_GUARD_EVENT: Final = f"""
    INSERT INTO guard_events (conversation, time, guard, kind, detail)
    VALUES ({_KEY_OF}, :time, :guard, :kind, :detail)
"""

_VERDICT: Final = f"""
    INSERT INTO verdicts (conversation, {", ".join(VERDICT_COLUMNS)})
    VALUES ({_KEY_OF}, {", ".join(f":{c}" for c in VERDICT_COLUMNS)})
"""

_CONVERSATION: Final = """
    INSERT INTO conversations (id, parent_id, config, process, first, last)
    VALUES (:id, :parent_id, :config, :process, :time, :time)
    ON CONFLICT (id) DO UPDATE SET
        parent_id = coalesce(excluded.parent_id, parent_id),
        config = coalesce(excluded.config, config),
        process = coalesce(excluded.process, process),
        first = min(coalesce(first, excluded.first), coalesce(excluded.first, first)),
        last = max(coalesce(last, excluded.last), coalesce(excluded.last, last)),
        stale = 1
"""

_TIER_SET: Final = """
    INSERT INTO tier_sets (endpoints) VALUES (:endpoints) ON CONFLICT DO NOTHING
"""

_EXPLANATION: Final = """
    INSERT OR REPLACE INTO explanations
    SELECT key, :body FROM decisions WHERE id = :id
"""

_TEXTS: Final = """
    INSERT OR REPLACE INTO texts
    SELECT key, :request, :answer FROM decisions WHERE id = :id
"""


@cache
def _upsert(columns: tuple[str, ...], keep_time: bool) -> str:
    """Writes either half of a call's row, whichever comes first.

    Args:
        columns: Those to write; the parameters have the same names.
        keep_time: Whether the time stays as it is if the row is there.
    """
    values = {c: f":{c}" for c in ("id", "time", *columns)} | {"conversation": _KEY_OF}
    if "tier_set" in columns:
        values["tier_set"] = "(SELECT key FROM tier_sets WHERE endpoints = :endpoints)"
    kept = {"id", "conversation", "time"} if keep_time else {"id"}
    changes = ", ".join(f"{c} = excluded.{c}" for c in values if c not in kept)
    changes = changes or "id = id"
    return (
        f"INSERT INTO decisions ({', '.join(values)}) VALUES "
        f"({', '.join(values.values())}) ON CONFLICT (id) DO UPDATE SET {changes}"
    )


_PENDING: Final = f"'{ToolStatus.PENDING}'"

# A result that comes late, or twice, completes the row and takes nothing from it.
_TOOL_RESULT: Final = f"""
    INSERT INTO tool_results (conversation, response, call, {", ".join(TOOL_COLUMNS)})
    VALUES ({_KEY_OF}, :response, :call, {", ".join(f":{c}" for c in TOOL_COLUMNS)})
    ON CONFLICT DO UPDATE SET
        time = max(time, excluded.time),
        status = iif(excluded.status = {_PENDING}, status, excluded.status),
        {
    ", ".join(
        f"{c} = coalesce(excluded.{c}, {c})"
        for c in TOOL_COLUMNS
        if c not in ("tool_name", "time", "status")
    )
}
"""

_LATE_RESULT: Final = f"""
    UPDATE tool_results SET
        time = :time, status = :status, exit_code = :exit_code,
        is_error = :is_error, failed = :failed, failure = :failure
    WHERE (conversation, response, call) = (
        SELECT conversation, response, call FROM tool_results
        WHERE conversation = {_KEY_OF} AND call = :call AND status = {_PENDING}
        ORDER BY time DESC LIMIT 1
    )
"""
