"""Items of OpenAI's Responses API, as dictionaries from outside, in neutral form."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from openhands_tiered_router.policy.entry import Entry, Role, ToolCall


_ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
}


def items_of(value: Any) -> list[Any]:
    """The ``input`` field as a list of items: a text stands for a user's message."""
    if isinstance(value, str):
        return [{"role": "user", "content": value}]
    return value if isinstance(value, list) else []


def entries_of(items: Iterable[Any]) -> Iterator[Entry]:
    """The items in neutral form. Reasoning and unknown items say nothing to routing.

    What a model answers at once, words and calls, is several items and one entry.
    """
    texts: list[str] = []
    calls: list[ToolCall] = []
    for item in items:
        kind = item.get("type", "message") if isinstance(item, Mapping) else None
        if kind == "function_call":
            calls.append(
                ToolCall.of(
                    item.get("call_id"), item.get("name"), item.get("arguments")
                )
            )
        elif kind == "message" and item.get("role") == "assistant":
            texts.append(_content(item.get("content"))[0])
        elif kind in ("message", "function_call_output"):
            if texts or calls:
                yield _answer(texts, calls)
                texts, calls = [], []
            yield from _given(item)
    if texts or calls:
        yield _answer(texts, calls)


def _answer(texts: list[str], calls: list[ToolCall]) -> Entry:
    return Entry(role="assistant", text="\n".join(texts), calls=tuple(calls))


def _given(item: Mapping[str, Any]) -> Iterator[Entry]:
    """What the model was given: a message of the user or system, or a result."""
    if item.get("type") == "function_call_output":
        text, images = _content(item.get("output"))
        call_id = str(item.get("call_id") or "")
        yield Entry(role="tool", text=text, images=images, call_id=call_id)
    elif (role := _ROLES.get(str(item.get("role")))) is not None:
        text, images = _content(item.get("content"))
        yield Entry(role=role, text=text, images=images)


def _content(content: Any) -> tuple[str, int]:
    if isinstance(content, str):
        return content, 0
    parts = content if isinstance(content, list) else []
    parts = [p for p in parts if isinstance(p, Mapping)]
    texts = [p["text"] for p in parts if isinstance(p.get("text"), str)]
    return "\n".join(texts), sum(p.get("type") == "input_image" for p in parts)
