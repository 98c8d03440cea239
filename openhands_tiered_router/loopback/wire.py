"""What the three wire formats have in common."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from openhands_tiered_router.loopback.exchange import Message, Reply, Wire
from openhands_tiered_router.loopback.faults import HttpError
from openhands_tiered_router.loopback.metering import Block, Metered


type Body = Mapping[str, Any]

PIECE: Final = 24
"""Characters in one streamed delta: several deltas for any real answer."""


class Malformed(Exception):
    """The request's body is not what the wire format demands; says what."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """A 400 in the words of the real API."""

    message: str
    code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One wire format: how to read a request and how to write an answer."""

    wire: Wire
    messages: Callable[[Body], tuple[Message, ...]]
    blocks: Callable[[Body], list[Block]]
    """The prompt in the order in which a provider caches it."""
    plain: Callable[[Body, Reply, Metered], dict[str, Any]]
    stream: Callable[[Body, Reply, Metered], Iterator[bytes]]
    """The whole answer as server-sent events."""
    empty: Callable[[dict[str, Any]], dict[str, Any]]
    """A plain answer without its content."""
    error: Callable[[HttpError], dict[str, Any]]
    reject: Callable[[Body], Rejection | None]
    """What the real API would not accept; ``None``: nothing."""


def fresh_id(prefix: str) -> str:
    """An id as providers make them: never twice the same."""
    return prefix + uuid.uuid4().hex[:24]


def name_calls(reply: Reply, prefix: str) -> Reply:
    """The reply with an id on each of its tool calls."""
    calls = (replace(c, id=c.id or fresh_id(prefix)) for c in reply.tool_calls)
    return replace(reply, tool_calls=tuple(calls))


def pieces(text: str) -> Iterator[str]:
    """The text in the pieces in which it is streamed."""
    return (text[i : i + PIECE] for i in range(0, len(text), PIECE))


def event(data: Any, name: str | None = None) -> bytes:
    """One server-sent event."""
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


def plain_text(content: Any) -> str:
    """The text of a message's content: a string, or parts of which some have text."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    parts = (p.get("text") for p in content if isinstance(p, dict))
    return "\n".join(p for p in parts if isinstance(p, str))


def objects(body: Body, field: str) -> list[dict[str, Any]]:
    """The list of objects in that field of the body; missing counts as empty."""
    value = body.get(field) or []
    if not isinstance(value, list) or not all(isinstance(v, dict) for v in value):
        raise Malformed(f"'{field}' must be an array of objects")
    return value


def table(body: Body, field: str) -> dict[str, Any]:
    """The object in that field of the body; missing counts as empty."""
    value = body.get(field) or {}
    if not isinstance(value, dict):
        raise Malformed(f"'{field}' must be an object")
    return value


def string(body: Body, field: str) -> str:
    """The text in that field of the body; missing counts as empty."""
    value = body.get(field)
    if value is not None and not isinstance(value, str):
        raise Malformed(f"'{field}' must be a string")
    return value or ""


def arguments(text: Any) -> dict[str, Any]:
    """Tool arguments from their JSON text; what is no object counts as empty."""
    try:
        value = json.loads(text)
    except (TypeError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def openai_error(error: HttpError) -> dict[str, Any]:
    """The body of an error on both of OpenAI's wire formats."""
    return {
        "error": {
            "message": error.message,
            "type": error.type,
            "param": None,
            "code": error.code,
        }
    }
