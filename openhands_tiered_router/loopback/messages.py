"""Anthropic messages, ``/v1/messages``."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any, Final

from openhands_tiered_router.loopback.exchange import (
    Message,
    Reply,
    ToolCall,
    ToolResult,
    Wire,
)
from openhands_tiered_router.loopback.faults import HttpError
from openhands_tiered_router.loopback.metering import Block, Metered, serialise
from openhands_tiered_router.loopback.wire import (
    Body,
    Format,
    Malformed,
    Rejection,
    event,
    fresh_id,
    name_calls,
    objects,
    pieces,
    plain_text,
    string,
    table,
)


SIGNED_BY: Final = "loopback:"
MOST_MARKERS: Final = 4
"""Cache breakpoints that Anthropic takes in one request (its documentation)."""
CALL_ID: Final = re.compile(r"[a-zA-Z0-9_-]+")


def _content(raw: dict[str, Any]) -> list[dict[str, Any]]:
    content = raw.get("content")
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    return objects(raw, "content")


def _messages(body: Body) -> tuple[Message, ...]:
    system = plain_text(body.get("system"))
    found = [Message(role="system", text=system)] if system else []
    for raw in objects(body, "messages"):
        found += _split(raw)
    return tuple(found)


def _split(raw: dict[str, Any]) -> Iterator[Message]:
    """Tool results lead a user message; here they are messages of their own."""
    content = _content(raw)
    for part in content:
        if part.get("type") == "tool_result":
            text = plain_text(part.get("content"))
            result = ToolResult(string(part, "tool_use_id"), text)
            yield Message(role="tool", tool_results=(result,))
    rest = [p for p in content if p.get("type") != "tool_result"]
    if rest:
        yield Message(
            role=string(raw, "role"),
            text=plain_text(rest),
            tool_calls=tuple(
                ToolCall(string(p, "name"), table(p, "input"), string(p, "id"))
                for p in rest
                if p.get("type") == "tool_use"
            ),
            thinking="\n".join(
                string(p, "thinking") for p in rest if p.get("type") == "thinking"
            ),
        )


def _marker(part: dict[str, Any]) -> str | None:
    control = part.get("cache_control")
    if control is None:
        return None
    if not isinstance(control, dict) or control.get("ttl", "5m") not in ("5m", "1h"):
        raise Malformed("cache_control: expected an ephemeral marker, ttl 5m or 1h")
    return control.get("ttl", "5m")


def _check_order(blocks: list[Block]) -> list[Block]:
    markers = [block.marker for block in blocks if block.marker]
    if len(markers) > MOST_MARKERS:
        raise Malformed(f"cache_control: at most {MOST_MARKERS} markers")
    if markers != sorted(markers):
        raise Malformed("cache_control: a ttl of 1h must not come after one of 5m")
    return blocks


def _blocks(body: Body) -> list[Block]:
    parts = objects(body, "tools")
    system = body.get("system")
    if isinstance(system, str):
        parts = [*parts, {"type": "text", "text": system}]
    else:
        parts = parts + objects(body, "system")
    found = [Block(serialise(p), _marker(p)) for p in parts]
    for raw in objects(body, "messages"):
        for part in _content(raw):
            found.append(
                Block(serialise([raw.get("role"), part]), _nested_marker(part))
            )
    return _check_order(found)


def _nested_marker(part: dict[str, Any]) -> str | None:
    """A marker may also sit on a part inside a tool result."""
    inner = part.get("content")
    nested = inner if isinstance(inner, list) else []
    markers = [_marker(p) for p in [part, *nested] if isinstance(p, dict)]
    return next((m for m in markers if m), None)


def _usage(metered: Metered) -> dict[str, Any]:
    usage = metered.usage
    fresh = usage.prompt - usage.cache_read - usage.cache_write
    return {
        "input_tokens": fresh,
        "cache_creation_input_tokens": usage.cache_write,
        "cache_read_input_tokens": usage.cache_read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": usage.cache_write - metered.write_1h,
            "ephemeral_1h_input_tokens": metered.write_1h,
        },
        "output_tokens": usage.completion,
    }


def sign(thinking: str) -> str:
    """A signature that this provider knows again.

    The real ones carry the whole thought, so the text beside them is not compared.
    """
    digest = hashlib.blake2b(thinking.encode(), digest_size=24).hexdigest()
    return SIGNED_BY + digest


def _answer(reply: Reply) -> Iterator[dict[str, Any]]:
    if reply.thinking:
        yield {
            "type": "thinking",
            "thinking": reply.thinking,
            "signature": sign(reply.thinking),
        }
    if reply.text:
        yield {"type": "text", "text": reply.text}
    for call in reply.tool_calls:
        yield {
            "type": "tool_use",
            "id": call.id,
            "name": call.name,
            "input": dict(call.arguments),
        }


def _stop_reason(reply: Reply) -> str:
    return "tool_use" if reply.tool_calls else "end_turn"


def _plain(body: Body, reply: Reply, metered: Metered) -> dict[str, Any]:
    reply = name_calls(reply, "toolu_")
    return {
        "id": fresh_id("msg_"),
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": list(_answer(reply)),
        "stop_reason": _stop_reason(reply),
        "stop_sequence": None,
        "usage": _usage(metered),
    }


def _stream(body: Body, reply: Reply, metered: Metered) -> Iterator[bytes]:
    answer = _plain(body, reply, metered)
    content, reason = answer["content"], answer["stop_reason"]
    start = {**answer, "content": [], "stop_reason": None}
    start["usage"] = {**answer["usage"], "output_tokens": 1}
    yield _event({"type": "message_start", "message": start})
    for index, block in enumerate(content):
        bare, deltas = _in_deltas(block)
        yield _event(
            {"type": "content_block_start", "index": index, "content_block": bare}
        )
        for delta in deltas:
            yield _event(
                {"type": "content_block_delta", "index": index, "delta": delta}
            )
        yield _event({"type": "content_block_stop", "index": index})
    yield _event(
        {
            "type": "message_delta",
            "delta": {"stop_reason": reason, "stop_sequence": None},
            "usage": {"output_tokens": metered.usage.completion},
        }
    )
    yield _event({"type": "message_stop"})


def _event(data: dict[str, Any]) -> bytes:
    return event(data, data["type"])


def _in_deltas(block: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A content block as it starts, and what is then added to it."""
    match block["type"]:
        case "thinking":
            deltas = [
                {"type": "thinking_delta", "thinking": p}
                for p in pieces(block["thinking"])
            ]
            signed = {"type": "signature_delta", "signature": block["signature"]}
            return {**block, "thinking": "", "signature": ""}, [*deltas, signed]
        case "text":
            deltas = [{"type": "text_delta", "text": p} for p in pieces(block["text"])]
            return {**block, "text": ""}, deltas
        case _:
            text = json.dumps(block["input"])
            deltas = [
                {"type": "input_json_delta", "partial_json": p} for p in pieces(text)
            ]
            return {**block, "input": {}}, deltas


def _error(error: HttpError) -> dict[str, Any]:
    return {
        "type": "error",
        "error": {"type": error.type, "message": error.message},
        "request_id": fresh_id("req_"),
    }


def _reject(body: Body) -> Rejection | None:
    raw_messages = objects(body, "messages")
    uses: set[str] = set()
    for index, raw in enumerate(raw_messages):
        content = _content(raw)
        last = index == len(raw_messages) - 1
        found = _reject_pairing(index, content, uses) or _reject_parts(
            index, raw, content, last
        )
        if found:
            return found
        uses = {string(p, "id") for p in content if p.get("type") == "tool_use"}
    if uses:
        return _unanswered(len(raw_messages) - 1, uses)
    return _reject_thoughtless(body, raw_messages)


def _unanswered(index: int, ids: set[str]) -> Rejection:
    return Rejection(
        f"messages.{index}: `tool_use` ids were found without `tool_result` blocks "
        f"immediately after: {', '.join(sorted(ids))}. Each `tool_use` block must have "
        "a corresponding `tool_result` block in the next message."
    )


def _reject_pairing(
    index: int, content: list[dict[str, Any]], uses: set[str]
) -> Rejection | None:
    answered: set[str] = set()
    for place, part in enumerate(content):
        if part.get("type") != "tool_result":
            continue
        use = string(part, "tool_use_id")
        if use not in uses:
            return Rejection(
                f"messages.{index}.content.{place}: unexpected `tool_use_id` found in "
                f"`tool_result` blocks: {use}. Each `tool_result` block must have a "
                "corresponding `tool_use` block in the previous message."
            )
        if use in answered:
            return Rejection(
                f"messages.{index}.content.{place}: each tool_use must have a single "
                f"result. Found multiple `tool_result` blocks with id: {use}"
            )
        answered.add(use)
    missing = uses - answered
    return _unanswered(index - 1, missing) if missing else None


def _reject_parts(
    index: int, raw: dict[str, Any], content: list[dict[str, Any]], last: bool
) -> Rejection | None:
    if not content and not (last and raw.get("role") == "assistant"):
        return Rejection(
            f"messages.{index}: all messages must have non-empty content except for "
            "the optional final assistant message"
        )
    for place, part in enumerate(content):
        where = f"messages.{index}.content.{place}"
        match part.get("type"):
            case "text" if not part.get("text"):
                return Rejection("messages: text content blocks must be non-empty")
            case "tool_use" if not CALL_ID.fullmatch(string(part, "id")):
                return Rejection(
                    f"{where}.tool_use.id: String should match pattern "
                    "'^[a-zA-Z0-9_-]+$'"
                )
            case "thinking" if not string(part, "signature").startswith(SIGNED_BY):
                return Rejection(f"{where}: Invalid `signature` in `thinking` block")
    return None


def _reject_thoughtless(
    body: Body, raw_messages: list[dict[str, Any]]
) -> Rejection | None:
    """With thinking enabled, a tool loop must start its last answer with a thought."""
    if table(body, "thinking").get("type") != "enabled" or len(raw_messages) < 2:
        return None
    results = _content(raw_messages[-1])
    if not any(p.get("type") == "tool_result" for p in results):
        return None
    first = (_content(raw_messages[-2]) or [{}])[0].get("type")
    if first in ("thinking", "redacted_thinking"):
        return None
    return Rejection(
        f"messages.{len(raw_messages) - 2}.content.0.type: Expected `thinking` or "
        f"`redacted_thinking`, but found `{first}`. When `thinking` is enabled, a "
        "final `assistant` message must start with a thinking block (preceeding the "
        "lastmost set of `tool_use` and `tool_result` blocks)."
    )


MESSAGES: Final = Format(
    wire=Wire.MESSAGES,
    messages=_messages,
    blocks=_blocks,
    plain=_plain,
    stream=_stream,
    empty=lambda answer: {**answer, "content": []},
    error=_error,
    reject=_reject,
)
