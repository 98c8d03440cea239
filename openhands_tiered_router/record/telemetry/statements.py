"""Records as SQL."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

import msgspec

from openhands_tiered_router.record.telemetry import clean
from openhands_tiered_router.record.telemetry.opening import NO_CONVERSATION
from openhands_tiered_router.record.telemetry.records import (
    RECORDED,
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
from openhands_tiered_router.tiers import Endpoint


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
            yield _conversation(record, record.config, process)
            yield from _call(record)
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
            texts = {"request": record.request, "answer": record.answer}
            yield _TEXTS, texts | {"id": clean.identifier(record.decision_id)}
        case Loss():
            yield _LOSS, {"time": record.time, "count": record.count}


def _call(call: Call) -> Iterator[Statement]:
    values = _stored(call) | {"id": clean.identifier(call.id), "endpoints": None}
    if call.response is not None:
        values["response"] = clean.identifier(call.response)
    values["attempts"] = _json(call.attempts)
    if call.tiers is not None:
        values["endpoints"] = _endpoints(call.tiers.endpoints)
        yield _TIER_SET, {"endpoints": values["endpoints"]}
    yield _CALL, values
    if call.explanation is not None:
        # Without this the file is twice as large: docs/telemetry.md.
        body = zlib.compress(_json(call.explanation).encode())
        yield _EXPLANATION, {"id": values["id"], "body": body}


# By the endpoints, which are few: the writer meets the same ones in each record.
@lru_cache(64)
def _endpoints(endpoints: tuple[Endpoint, ...]) -> str:
    """Equal for equal ones. Limits, and what providers call addresses, are left out:
    an endpoint's ``cache_id`` is its key."""
    found = [
        {
            "key": e.key,
            "tier": e.tier,
            "model": e.model,
            "prices": e.prices,
            "cache_ttl": e.cache_ttl,
            "cache_id": e.key,
        }
        for e in endpoints
    ]
    return _json(found)


def _tool_result(record: ToolResult) -> Statement:
    values = _stored(record) | {"call": clean.identifier(record.tool_call_id)}
    if record.response_id is None:
        return _LATE_RESULT, values
    return _TOOL_RESULT, values | {"response": clean.identifier(record.response_id)}


def _conversation(
    record: Call | ToolResult | GuardEvent | Verdict,
    config: str | None = None,
    process: str | None = None,
) -> Statement:
    return _CONVERSATION, {
        "id": stored_id(record.conversation_id),
        "time": _value(record.time),
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
    return msgspec.json.encode(_clean(msgspec.to_builtins(value))).decode()


def _clean(value: Any) -> Any:
    """Lists and dictionaries with each text in them redacted and cut."""
    match value:
        case str():
            return clean.text(value)
        case dict():
            return {k: _clean(v) for k, v in value.items()}
        case list() | tuple():
            return [_clean(v) for v in value]
    return value


def _insert(table: str, columns: tuple[str, ...], **sql: str) -> str:
    """SQL that inserts parameters named like columns, but for those in ``sql``."""
    values = {c: f":{c}" for c in columns} | {"conversation": _KEY_OF} | sql
    names, found = ", ".join(values), ", ".join(values.values())
    return f"INSERT INTO {table} ({names}) VALUES ({found})"


_KEY_OF: Final = "(SELECT key FROM conversations WHERE id = :conversation)"

_LOSS: Final = "INSERT INTO losses VALUES (:time, :count)"
_GUARD_EVENT: Final = _insert("guard_events", ("time", "guard", "kind", "detail"))
_VERDICT: Final = _insert("verdicts", VERDICT_COLUMNS)
_CALL: Final = _insert(
    "decisions",
    ("id", *RECORDED, "attempts"),
    tier_set="(SELECT key FROM tier_sets WHERE endpoints = :endpoints)",
)

_CONVERSATION: Final = """
    INSERT INTO conversations (id, config, process, first, last)
    VALUES (:id, :config, :process, :time, :time)
    ON CONFLICT (id) DO UPDATE SET
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
    INSERT INTO explanations SELECT key, :body FROM decisions WHERE id = :id
"""

_TEXTS: Final = """
    INSERT OR REPLACE INTO texts
    SELECT key, :request, :answer FROM decisions WHERE id = :id
"""

_PENDING: Final = f"'{ToolStatus.PENDING}'"
_KNOWN: Final = [f"{c} = coalesce(excluded.{c}, {c})" for c in TOOL_COLUMNS[3:]]

# A result that comes late, or twice, completes the row and takes nothing from it.
_TOOL_RESULT: Final = f"""
    {_insert("tool_results", ("response", "call", *TOOL_COLUMNS))}
    ON CONFLICT DO UPDATE SET
        time = max(time, excluded.time),
        status = iif(excluded.status = {_PENDING}, status, excluded.status),
        {", ".join(_KNOWN)}
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
