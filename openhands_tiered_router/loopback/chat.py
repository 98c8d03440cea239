"""OpenAI chat completions, ``/v1/chat/completions``."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any, Final

from openhands_tiered_router.loopback.exchange import (
    Message,
    Reply,
    ToolCall,
    ToolResult,
    Wire,
)
from openhands_tiered_router.loopback.metering import Block, Metered, serialise
from openhands_tiered_router.loopback.wire import (
    Body,
    Format,
    Rejection,
    arguments,
    event,
    fresh_id,
    name_calls,
    objects,
    openai_error,
    pieces,
    plain_text,
    string,
    table,
)
from openhands_tiered_router.policy.outcome import Usage


MAX_CALL_ID: Final = 40
"""Longest tool-call id that OpenAI's chat completions accept."""


def _messages(body: Body) -> tuple[Message, ...]:
    return tuple(map(_message, objects(body, "messages")))


def _message(raw: dict[str, Any]) -> Message:
    text = plain_text(raw.get("content"))
    if raw.get("role") == "tool":
        result = ToolResult(string(raw, "tool_call_id"), text)
        return Message(role="tool", tool_results=(result,))
    calls = []
    for call in objects(raw, "tool_calls"):
        function = table(call, "function")
        calls.append(
            ToolCall(
                string(function, "name"),
                arguments(function.get("arguments")),
                string(call, "id"),
            )
        )
    return Message(
        role=string(raw, "role"),
        text=text,
        tool_calls=tuple(calls),
        thinking=string(raw, "reasoning_content"),
    )


def _blocks(body: Body) -> list[Block]:
    tools = objects(body, "tools")
    head = [Block(serialise(tools))] if tools else []
    return head + [Block(serialise(m)) for m in objects(body, "messages")]


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "total_tokens": usage.prompt + usage.completion,
        "prompt_tokens_details": {"cached_tokens": usage.cache_read},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    }


def _call(call: ToolCall) -> dict[str, Any]:
    function = {"name": call.name, "arguments": json.dumps(dict(call.arguments))}
    return {"id": call.id, "type": "function", "function": function}


def _finish_reason(reply: Reply) -> str:
    return "tool_calls" if reply.tool_calls else "stop"


def _plain(body: Body, reply: Reply, metered: Metered) -> dict[str, Any]:
    reply = name_calls(reply, "call_")
    message: dict[str, Any] = {"role": "assistant", "content": reply.text or None}
    if reply.tool_calls:
        message["tool_calls"] = [_call(c) for c in reply.tool_calls]
    if reply.thinking:
        message["reasoning_content"] = reply.thinking
    choice = {"index": 0, "message": message, "finish_reason": _finish_reason(reply)}
    return {
        "id": fresh_id("chatcmpl-"),
        "object": "chat.completion",
        "created": int(time.time()),
        "model": body["model"],
        "choices": [choice],
        "usage": _usage(metered.usage),
    }


def _deltas(reply: Reply) -> Iterator[dict[str, Any]]:
    yield {"role": "assistant", "content": ""}
    for piece in pieces(reply.thinking):
        yield {"reasoning_content": piece}
    for piece in pieces(reply.text):
        yield {"content": piece}
    for index, call in enumerate(reply.tool_calls):
        start = _call(call)
        text, start["function"]["arguments"] = start["function"]["arguments"], ""
        yield {"tool_calls": [{"index": index, **start}]}
        for piece in pieces(text):
            yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}


def _stream(body: Body, reply: Reply, metered: Metered) -> Iterator[bytes]:
    reply = name_calls(reply, "call_")
    head = {
        "id": fresh_id("chatcmpl-"),
        "object": "chat.completion.chunk",
        "created": int(time.time()),
        "model": body["model"],
    }
    for delta in _deltas(reply):
        choice = {"index": 0, "delta": delta, "finish_reason": None}
        yield event({**head, "choices": [choice]})
    last = {"index": 0, "delta": {}, "finish_reason": _finish_reason(reply)}
    yield event({**head, "choices": [last]})
    if table(body, "stream_options").get("include_usage"):
        yield event({**head, "choices": [], "usage": _usage(metered.usage)})
    yield b"data: [DONE]\n\n"


def _reject(body: Body) -> Rejection | None:
    open_ids: set[str] = set()
    for index, raw in enumerate(objects(body, "messages")):
        if raw.get("role") == "tool":
            if string(raw, "tool_call_id") not in open_ids:
                return Rejection(
                    "Invalid parameter: messages with role 'tool' must be a response "
                    "to a preceeding message with 'tool_calls'."
                )
            open_ids.discard(string(raw, "tool_call_id"))
            continue
        if open_ids:
            return _unanswered(open_ids)
        if found := _reject_message(index, raw, str(body.get("model"))):
            return found
        open_ids = {string(c, "id") for c in objects(raw, "tool_calls")}
    return _unanswered(open_ids) if open_ids else None


def _unanswered(ids: set[str]) -> Rejection:
    return Rejection(
        "An assistant message with 'tool_calls' must be followed by tool messages "
        "responding to each 'tool_call_id'. The following tool_call_ids did not have "
        f"response messages: {', '.join(sorted(ids))}"
    )


def _reject_message(index: int, raw: dict[str, Any], model: str) -> Rejection | None:
    where = f"messages[{index}]"
    if "thinking_blocks" in raw:
        return Rejection(
            f"Extra inputs are not permitted, field: '{where}.thinking_blocks'"
        )
    calls = objects(raw, "tool_calls")
    if raw.get("content") is None and not calls:
        return Rejection(
            f"Invalid value for 'content': expected a string, got null. ({where})"
        )
    for call in calls:
        if len(string(call, "id")) > MAX_CALL_ID:
            return Rejection(
                f"Invalid '{where}.tool_calls[0].id': string too long. Expected a "
                f"string with maximum length {MAX_CALL_ID}, but got a string with "
                f"length {len(call['id'])} instead.",
                "string_above_max_length",
            )
    if calls and _thinks_aloud(model) and not raw.get("reasoning_content"):
        return Rejection(
            "thinking is enabled but reasoning_content is missing in assistant tool "
            f"call message at index {index}"
        )
    return None


def _thinks_aloud(model: str) -> bool:
    """Moonshot's models want their reasoning back with each tool call."""
    return "kimi" in model.lower()


CHAT: Final = Format(
    wire=Wire.CHAT,
    messages=_messages,
    blocks=_blocks,
    plain=_plain,
    stream=_stream,
    empty=lambda answer: {**answer, "choices": []},
    error=openai_error,
    reject=_reject,
)
