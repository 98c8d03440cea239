"""OpenAI Responses, ``/v1/responses``."""

from __future__ import annotations

import base64
import binascii
import json
import re
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
)
from openhands_tiered_router.policy.outcome import Usage


ITEM_ID: Final = re.compile(r"[a-zA-Z0-9_-]*")
MAX_ID: Final = 64
"""Longest item id and call id that the Responses API accepts."""


def _items(body: Body) -> list[dict[str, Any]]:
    given = body.get("input")
    if isinstance(given, str):
        return [{"role": "user", "content": given}]
    return objects(body, "input")


def _kind(item: dict[str, Any]) -> str:
    return str(item.get("type", "message"))


def _messages(body: Body) -> tuple[Message, ...]:
    found: list[Message] = []
    if body.get("instructions"):
        found.append(Message(role="system", text=plain_text(body["instructions"])))
    for item in _items(body):
        message = _message(item)
        if message.role == "assistant" and found and found[-1].role == "assistant":
            message = _joined(found.pop(), message)
        found.append(message)
    return tuple(found)


def _message(item: dict[str, Any]) -> Message:
    match _kind(item):
        case "function_call":
            call = ToolCall(
                string(item, "name"),
                arguments(item.get("arguments")),
                string(item, "call_id"),
            )
            return Message(role="assistant", tool_calls=(call,))
        case "function_call_output":
            text = plain_text(item.get("output"))
            result = ToolResult(string(item, "call_id"), text)
            return Message(role="tool", tool_results=(result,))
        case "reasoning":
            return Message(role="assistant", thinking=plain_text(item.get("summary")))
        case _:
            text = plain_text(item.get("content"))
            return Message(role=string(item, "role"), text=text)


def _joined(first: Message, second: Message) -> Message:
    """One answer is several items; here it is one message."""
    return Message(
        role="assistant",
        text="\n".join(filter(None, [first.text, second.text])),
        tool_calls=first.tool_calls + second.tool_calls,
        thinking="\n".join(filter(None, [first.thinking, second.thinking])),
    )


def _blocks(body: Body) -> list[Block]:
    head = [body.get("tools"), body.get("instructions")]
    return [Block(serialise(v)) for v in [*filter(None, head), *_items(body)]]


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "input_tokens": usage.prompt,
        "input_tokens_details": {"cached_tokens": usage.cache_read},
        "output_tokens": usage.completion,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.prompt + usage.completion,
    }


def encrypt(model: str, item_id: str) -> str:
    """Opaque content of a reasoning item, readable for this model alone."""
    return base64.b64encode(json.dumps([model, item_id]).encode()).decode()


def _output(body: Body, reply: Reply) -> Iterator[dict[str, Any]]:
    if reply.thinking:
        item_id = fresh_id("rs_")
        item: dict[str, Any] = {
            "type": "reasoning",
            "id": item_id,
            "summary": [{"type": "summary_text", "text": reply.thinking}],
        }
        if "reasoning.encrypted_content" in serialise(body.get("include")):
            item["encrypted_content"] = encrypt(str(body["model"]), item_id)
        yield item
    if reply.text:
        part = {"type": "output_text", "text": reply.text, "annotations": []}
        yield {
            "type": "message",
            "id": fresh_id("msg_"),
            "status": "completed",
            "role": "assistant",
            "content": [part],
        }
    for call in reply.tool_calls:
        yield {
            "type": "function_call",
            "id": fresh_id("fc_"),
            "call_id": call.id,
            "name": call.name,
            "arguments": json.dumps(dict(call.arguments)),
            "status": "completed",
        }


def _plain(body: Body, reply: Reply, metered: Metered) -> dict[str, Any]:
    reply = name_calls(reply, "call_")
    return {
        "id": fresh_id("resp_"),
        "object": "response",
        "created_at": int(time.time()),
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "instructions": body.get("instructions"),
        "metadata": {},
        "model": body["model"],
        "output": list(_output(body, reply)),
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": body.get("tools") or [],
        "top_p": 1.0,
        "usage": _usage(metered.usage),
    }


def _stream(body: Body, reply: Reply, metered: Metered) -> Iterator[bytes]:
    answer = _plain(body, reply, metered)
    for number, data in enumerate(_stream_events(answer)):
        yield event({**data, "sequence_number": number}, data["type"])


def _stream_events(answer: dict[str, Any]) -> Iterator[dict[str, Any]]:
    begun = {**answer, "status": "in_progress", "output": [], "usage": None}
    yield {"type": "response.created", "response": begun}
    yield {"type": "response.in_progress", "response": begun}
    for index, item in enumerate(answer["output"]):
        at = {"output_index": index}
        yield {"type": "response.output_item.added", **at, "item": _bare(item)}
        for data in _item_events(item):
            yield {**data, **at, "item_id": item["id"]}
        yield {"type": "response.output_item.done", **at, "item": item}
    yield {"type": "response.completed", "response": answer}


def _bare(item: dict[str, Any]) -> dict[str, Any]:
    """An output item as it starts, before anything is in it."""
    match item["type"]:
        case "reasoning":
            return {**item, "summary": []}
        case "message":
            return {**item, "status": "in_progress", "content": []}
        case _:
            return {**item, "status": "in_progress", "arguments": ""}


def _item_events(item: dict[str, Any]) -> Iterator[dict[str, Any]]:
    match item["type"]:
        case "reasoning":
            yield from _text_events(
                item["summary"][0], "summary_index", "reasoning_summary_"
            )
        case "message":
            yield from _text_events(item["content"][0], "content_index")
        case _:
            text = item["arguments"]
            name = "response.function_call_arguments"
            yield from ({"type": f"{name}.delta", "delta": p} for p in pieces(text))
            yield {"type": f"{name}.done", "arguments": text, "name": item["name"]}


def _text_events(
    part: dict[str, Any], place: str, summary: str = ""
) -> Iterator[dict[str, Any]]:
    at = {place: 0}
    part_name = f"response.{summary or 'content_'}part"
    text_name = f"response.{summary or 'output_'}text"
    yield {"type": f"{part_name}.added", **at, "part": {**part, "text": ""}}
    for piece in pieces(part["text"]):
        yield {"type": f"{text_name}.delta", **at, "delta": piece}
    yield {"type": f"{text_name}.done", **at, "text": part["text"]}
    yield {"type": f"{part_name}.done", **at, "part": part}


def _reject(body: Body) -> Rejection | None:
    items = _items(body)
    for index, item in enumerate(items):
        if found := _reject_ids(index, item) or _reject_secret(body, item):
            return found
        following = items[index + 1] if index + 1 < len(items) else {}
        if _kind(item) == "reasoning" and not _follows(following):
            return Rejection(
                f"Item '{item.get('id')}' of type 'reasoning' was provided without "
                "its required following item."
            )
    return _reject_pairing(items)


def _follows(item: dict[str, Any]) -> bool:
    """Whether the item can be what a reasoning item led to."""
    return (
        _kind(item) in ("function_call", "reasoning") or item.get("role") == "assistant"
    )


def _reject_pairing(items: list[dict[str, Any]]) -> Rejection | None:
    calls, outputs = (
        [string(i, "call_id") for i in items if _kind(i) == kind]
        for kind in ("function_call", "function_call_output")
    )
    for call_id in outputs:
        if call_id not in calls:
            return Rejection(
                f"No tool call found for function call output with call_id {call_id}.",
            )
    for call_id in calls:
        if call_id not in outputs:
            return Rejection(f"No tool output found for function call {call_id}.")
    return None


def _reject_ids(index: int, item: dict[str, Any]) -> Rejection | None:
    for name in ("id", "call_id"):
        value = string(item, name)
        where = f"input[{index}].{name}"
        if len(value) > MAX_ID:
            return Rejection(
                f"Invalid '{where}': string too long. Expected a string with maximum "
                f"length {MAX_ID}, but got a string with length {len(value)} instead.",
                "string_above_max_length",
            )
        if name == "id" and not ITEM_ID.fullmatch(value):
            return Rejection(
                f"Invalid '{where}': '{value}'. Expected an ID that contains letters, "
                "numbers, underscores, or dashes, but this value contained additional "
                "characters.",
                "invalid_value",
            )
    return None


def _reject_secret(body: Body, item: dict[str, Any]) -> Rejection | None:
    secret = item.get("encrypted_content")
    if not secret:
        return None
    try:
        writer, item_id = json.loads(base64.b64decode(secret, validate=True))
    except (TypeError, ValueError, binascii.Error):
        writer = item_id = None
    if [writer, item_id] == [body.get("model"), item.get("id")]:
        return None
    return Rejection(
        f"The encrypted content for item {item.get('id')} could not be verified. "
        "Reason: Encrypted content could not be decrypted or parsed.",
        "invalid_encrypted_content",
    )


RESPONSES: Final = Format(
    wire=Wire.RESPONSES,
    messages=_messages,
    blocks=_blocks,
    plain=_plain,
    stream=_stream,
    empty=lambda answer: {**answer, "output": []},
    error=openai_error,
    reject=_reject,
)
