"""Anthropic messages, as dictionaries from outside, in neutral form."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from openhands_tiered_router.policy.entry import ADDED, Entry, ToolCall


def entries_of(messages: Iterable[Any]) -> Iterator[Entry]:
    """The messages in neutral form: tool results are entries of their own.

    The ``system`` field may be given as a first message of that role. What is not of
    the wire's form is passed over: the provider will say so.
    """
    for message in messages:
        if isinstance(message, Mapping):
            yield from _entries(message)


def _entries(message: Mapping[str, Any]) -> Iterator[Entry]:
    content = message.get("content")
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    if not isinstance(content, list):
        return
    blocks = [b for b in content if isinstance(b, Mapping)]
    for block in blocks:
        if block.get("type") == "tool_result":
            yield Entry(
                role="tool",
                text=_text(block.get("content")),
                images=_images(block.get("content")),
                call_id=str(block.get("tool_use_id") or ""),
                is_error=block.get("is_error") is True,
            )
    text, images = _text(blocks), _images(blocks)
    if message.get("role") == "assistant":
        yield Entry(role="assistant", text=text, calls=tuple(_calls(blocks)))
    elif message.get("role") == "system":
        yield Entry(role="system", text=text)
    elif images or any(not ADDED.fullmatch(said) for said in _texts(blocks)):
        yield Entry(role="user", text=text, images=images)
    elif text:
        yield Entry(role="system", text=text)


def _calls(blocks: list[Mapping[str, Any]]) -> Iterator[ToolCall]:
    for block in blocks:
        if block.get("type") == "tool_use":
            yield ToolCall.of(block.get("id"), block.get("name"), block.get("input"))


def _text(content: Any) -> str:
    return content if isinstance(content, str) else "\n".join(_texts(content))


def _texts(content: Any) -> list[str]:
    blocks = content if isinstance(content, list) else []
    texts = (b.get("text") for b in blocks if isinstance(b, Mapping))
    return [t for t in texts if isinstance(t, str)]


def _images(content: Any) -> int:
    if not isinstance(content, list):
        return 0
    return sum(isinstance(b, Mapping) and b.get("type") == "image" for b in content)
