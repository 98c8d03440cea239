"""Ready-made scripts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

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


def sequence(answers: Iterable[Reply | Fault]) -> Script:
    """The answers in the order of the calls, whoever calls; then a 400."""
    left = iter(list(answers))
    over = bad_request("the loopback script has no more answers")
    return lambda _: next(left, over)


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


def by_model(scripts: Mapping[str, Script], default: Script | None = None) -> Script:
    """Another script for each model; a model that has none gets ``default``."""

    def script(request: Request) -> Reply | Fault:
        chosen = scripts.get(request.model, default)
        if chosen is None:
            return bad_request(f"the loopback script knows no model {request.model!r}")
        return chosen(request)

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


def load_recording(
    path: Path, variables: Mapping[str, str] | None = None
) -> tuple[list[Reply], str]:
    """The turns of a recording and its answer to side requests."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise RecordingError(
            f"{path}: cannot be read as JSON ({error}); write "
            '{"turns": [{"text": "..."}]}'
        ) from error
    data = _filled(data, variables or {})
    if not isinstance(data, dict) or not isinstance(data.get("turns"), list):
        raise RecordingError(f"{path}: needs an object with a list 'turns'")
    side = data.get("side", "Done.")
    if not isinstance(side, str):
        raise RecordingError(f"{path}: 'side' must be a string, is {side!r}")
    turns = [_turn(f"{path}: turns[{i}]", t) for i, t in enumerate(data["turns"])]
    return turns, side


def _filled(value: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        for name, text in variables.items():
            value = value.replace("{{" + name + "}}", text)
        return value
    if isinstance(value, list):
        return [_filled(v, variables) for v in value]
    if isinstance(value, dict):
        return {k: _filled(v, variables) for k, v in value.items()}
    return value


def _turn(where: str, raw: Any) -> Reply:
    if not isinstance(raw, dict):
        raise RecordingError(f"{where}: must be an object, is {raw!r}")
    unknown = set(raw) - {"text", "thinking", "tool_calls"}
    if unknown:
        raise RecordingError(
            f"{where}: unknown field {min(unknown)!r}; a turn has 'text', "
            "'thinking' and 'tool_calls'"
        )
    texts = {name: raw.get(name, "") for name in ("text", "thinking")}
    for name, value in texts.items():
        if not isinstance(value, str):
            raise RecordingError(f"{where}.{name}: must be a string, is {value!r}")
    calls = raw.get("tool_calls", [])
    if not isinstance(calls, list):
        raise RecordingError(f"{where}.tool_calls: must be a list, is {calls!r}")
    return Reply(
        **texts,
        tool_calls=tuple(
            _call(f"{where}.tool_calls[{i}]", c) for i, c in enumerate(calls)
        ),
    )


def _call(where: str, raw: Any) -> ToolCall:
    match raw:
        case {"name": str(name), **rest} if set(rest) <= {"arguments"}:
            given = rest.get("arguments", {})
            if isinstance(given, dict):
                return ToolCall(name, given)
    raise RecordingError(
        f"{where}: must be {{'name': text, 'arguments': object}}, is {raw!r}"
    )
