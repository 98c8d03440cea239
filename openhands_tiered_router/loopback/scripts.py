"""Ready-made scripts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from openhands_tiered_router.loopback.exchange import (
    Reply,
    Request,
    Script,
    ToolCall,
)
from openhands_tiered_router.loopback.faults import Fault, bad_request


def fixed(text: str) -> Script:
    """The same text, always."""
    return lambda _: Reply(text=text)


def by_turn(turns: Iterable[Reply], *, side: str = "Done.") -> Script:
    """The answer that belongs to the position in the conversation.

    The position is the number of assistant messages in the request, so retries and
    a change of model do no harm. A request without tools (a title, a summary) gets
    ``side``; one past the end, a 400.
    """
    answers = tuple(turns)

    def script(request: Request) -> Reply | Fault:
        if not request.tools:
            return Reply(text=side)
        if request.turn < len(answers):
            return answers[request.turn]
        return bad_request(f"the loopback script ends after {len(answers)} turns")

    return script


class RecordingError(ValueError):
    """A recording cannot be used; names the file, the field and the remedy."""


def recording(path: Path, variables: Mapping[str, str] | None = None) -> Script:
    """The turns of a JSON file, played by :func:`by_turn`.

    The file is ``{"turns": [{"text", "thinking", "tool_calls": [{"name",
    "arguments"}]}, ...], "side"?: text}``; ``{{name}}`` in any text stands for
    ``variables["name"]``.

    Raises:
        RecordingError: The file is missing or is not such a recording.
    """
    turns, side = load_recording(path, variables)
    return by_turn(turns, side=side)


class _Call(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    arguments: dict[str, Any] = {}


class _Turn(msgspec.Struct, forbid_unknown_fields=True):
    text: str = ""
    thinking: str = ""
    tool_calls: list[_Call] = []

    def reply(self) -> Reply:
        calls = tuple(ToolCall(call.name, call.arguments) for call in self.tool_calls)
        return Reply(text=self.text, thinking=self.thinking, tool_calls=calls)


class _Recording(msgspec.Struct, forbid_unknown_fields=True):
    turns: list[_Turn]
    side: str = "Done."


def load_recording(
    path: Path, variables: Mapping[str, str] | None = None
) -> tuple[list[Reply], str]:
    """The turns of a recording and its answer to side requests."""
    try:
        text = path.read_text(encoding="utf-8")
        for name, value in (variables or {}).items():
            text = text.replace("{{" + name + "}}", json.dumps(value)[1:-1])
        found = msgspec.json.decode(text, type=_Recording)
    except (OSError, UnicodeDecodeError, msgspec.DecodeError) as error:
        raise RecordingError(
            f"{path}: cannot be read as a recording ({error}); write "
            '{"turns": [{"text": "..."}]}'
        ) from error
    return [turn.reply() for turn in found.turns], found.side
