"""OpenAI chat messages, as dictionaries from outside, in neutral form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from openhands_tiered_router.policy.entry import ADDED, Entry, Role, ToolCall


_ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "function": "tool",
}


class ChatFormatError(ValueError):
    """A message that is not an OpenAI chat message; says which and why."""


def entries_of(messages: Iterable[Mapping[str, Any]]) -> list[Entry]:
    """The messages in neutral form, one entry each, in order.

    Raises:
        ChatFormatError: A message has no known role, or content of a wrong type.
    """
    return [_entry(i, m) for i, m in enumerate(messages)]


def _entry(index: int, message: Mapping[str, Any]) -> Entry:
    if not isinstance(message, Mapping):
        kind = type(message).__name__
        raise ChatFormatError(f"messages[{index}]: expected an object, got {kind}")
    role = _ROLES.get(str(message.get("role")))
    if role is None:
        known = ", ".join(_ROLES)
        raise ChatFormatError(f"messages[{index}].role: expected one of {known}")
    text, images = _content(index, message.get("content"))
    if role == "user" and text and not images and ADDED.fullmatch(text):
        role = "system"
    return Entry(
        role=role,
        text=text,
        images=images,
        calls=tuple(_calls(index, message)) if role == "assistant" else (),
        call_id=message.get("tool_call_id") if role == "tool" else None,
        exit_code=_exit_code(message),
    )


def _content(index: int, content: Any) -> tuple[str, int]:
    if content is None:
        return "", 0
    if isinstance(content, str):
        return content, 0
    if not isinstance(content, list):
        kind = type(content).__name__
        raise ChatFormatError(
            f"messages[{index}].content: expected text or a list of parts, got {kind}"
        )
    parts = [p for p in content if isinstance(p, Mapping)]
    texts = [p["text"] for p in parts if isinstance(p.get("text"), str)]
    images = sum("image" in str(p.get("type")) for p in parts)
    return "\n".join(texts), images


def _calls(index: int, message: Mapping[str, Any]) -> Iterable[ToolCall]:
    calls = message.get("tool_calls") or []
    if not isinstance(calls, list):
        raise ChatFormatError(f"messages[{index}].tool_calls: expected a list")
    for call in calls:
        function = call.get("function") if isinstance(call, Mapping) else None
        if not isinstance(function, Mapping):
            raise ChatFormatError(
                f"messages[{index}].tool_calls: each needs a 'function' object"
            )
        given = function.get("arguments") or ""
        yield ToolCall.of(call.get("id"), function.get("name"), given)


def _exit_code(message: Mapping[str, Any]) -> int | None:
    code = message.get("returncode")
    return code if isinstance(code, int) and not isinstance(code, bool) else None
