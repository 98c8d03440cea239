"""What a model signed goes back to nobody else: histories for another endpoint.

Providers refuse, or should not see, another's thinking. LiteLLM translates the rest
of a history between the wires itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from openhands_tiered_router.gateway.call import Wire


_THINKING: Final = frozenset({"thinking", "redacted_thinking"})
_FIELDS: Final = frozenset({"thinking_blocks", "reasoning_content", "reasoning_items"})


def for_another(body: Mapping[str, Any], wire: Wire) -> dict[str, Any]:
    """The fields of a request to send instead, where another endpoint than the one
    that wrote the history answers; empty if nothing has to change. Mutates nothing.
    """
    if wire is Wire.RESPONSES:
        return _changed(body, "input", _without_reasoning_items)
    strip = _without_thinking if wire is Wire.MESSAGES else _without_fields
    changes = _changed(body, "messages", strip)
    if changes and "thinking" in body and _in_tool_loop(changes["messages"]):
        # Anthropic demands the thought that led to a tool call if thinking is on.
        changes["thinking"] = None
    return changes


def _changed(body: Mapping[str, Any], name: str, strip: Any) -> dict[str, Any]:
    history = body.get(name)
    if not isinstance(history, list):
        return {}
    stripped = strip(history)
    return {name: stripped} if stripped != history else {}


def _without_thinking(messages: Sequence[Any]) -> list[Any]:
    return [_message_without_thinking(message) for message in messages]


def _message_without_thinking(message: Any) -> Any:
    content = message.get("content") if isinstance(message, Mapping) else None
    if not isinstance(content, list):
        return message
    kept = [b for b in content if not _is_of(b, _THINKING)]
    if len(kept) == len(content):
        return message
    # A message must have content: an answer of thoughts alone says that it was one.
    return {**message, "content": kept or [{"type": "text", "text": "(thought)"}]}


def _without_fields(messages: Sequence[Any]) -> list[Any]:
    return [
        {k: v for k, v in m.items() if k not in _FIELDS}
        if isinstance(m, Mapping) and m.keys() & _FIELDS
        else m
        for m in messages
    ]


def _without_reasoning_items(items: Sequence[Any]) -> list[Any]:
    return [item for item in items if not _is_of(item, {"reasoning"})]


def _is_of(value: Any, kinds: frozenset[str] | set[str]) -> bool:
    return isinstance(value, Mapping) and value.get("type") in kinds


def _in_tool_loop(messages: Sequence[Any]) -> bool:
    last = messages[-1] if messages else None
    if not isinstance(last, Mapping):
        return False
    content = last.get("content")
    blocks = content if isinstance(content, list) else []
    return last.get("role") == "tool" or any(_is_of(b, {"tool_result"}) for b in blocks)
