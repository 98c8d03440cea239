"""OpenHands conversations as recorded sessions, read without the SDK.

A persisted conversation is a directory with ``base_state.json`` and
``events/event-*.json`` (openhands-sdk, since the betas of 1.0); evaluations and
exports keep its events in a list. Token counts come from ``base_state.json``, or the
metrics beside the list, by response id; calls without one are estimated from lengths.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from openhands_tiered_router.policy.entry import Entry, ToolCall
from openhands_tiered_router.policy.outcome import Usage
from openhands_tiered_router.policy.session import CHARS_PER_TOKEN
from openhands_tiered_router.record.replay.sessions import (
    RecordedSession,
    RecordedTurn,
    SessionError,
)


_EVENT: Final = re.compile(r"event-(\d+)-[0-9a-fA-F-]+\.json")
_EVENTS: Final = "events"
_STATE: Final = "base_state.json"


def find_conversations(path: Path) -> list[Path]:
    """Conversation directories at or below a directory, sorted."""
    if (path / _EVENTS).is_dir():
        return [path]
    return sorted(p.parent for p in path.rglob(_EVENTS) if p.is_dir())


def read_conversation(path: Path) -> RecordedSession:
    """One conversation; it may have no turn.

    Raises:
        SessionError: A file of it cannot be read; names the file.
    """
    events = map(_json, _event_files(path / _EVENTS))
    return session_of_events(path.name, events, _usages(path / _STATE))


def is_event(row: Mapping[str, Any]) -> bool:
    """Whether an object is an event of the SDK."""
    kind = row.get("kind")
    return isinstance(kind, str) and "timestamp" in row and "source" in row


def session_of_events(
    name: str, events: Iterable[Mapping[str, Any]], usages: Mapping[str, Usage]
) -> RecordedSession:
    """The session of a conversation's events, in order; it may have no turn.

    Args:
        name: Of the conversation; of the task, in an evaluation.
        events: As the SDK writes them.
        usages: Token counts by response id.
    """
    builder = _Builder(usages)
    for event in events:
        builder.add(event)
    turns = builder.finish()
    return RecordedSession(
        id=name,
        task=name,
        turns=turns,
        tools=tuple(builder.tools),
        estimated=builder.estimated,
    )


def _event_files(folder: Path) -> Iterator[Path]:
    numbered = []
    for file in folder.iterdir():
        if match := _EVENT.fullmatch(file.name):
            numbered.append((int(match[1]), file))
    for _, file in sorted(numbered):
        yield file


def _json(file: Path) -> Mapping[str, Any]:
    try:
        value = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise SessionError(
            f"{file}: not readable as JSON ({type(error).__name__}); "
            "leave the conversation out or restore the file"
        ) from None
    if not isinstance(value, dict):
        raise SessionError(f"{file}: expected an object, got {type(value).__name__}")
    return value


def _usages(file: Path) -> dict[str, Usage]:
    """Token counts by response id; empty where there is no state file."""
    if not file.is_file():
        return {}
    stats = _mapping(_json(file).get("stats"))
    # The betas counted by service.
    metrics = _mapping(stats.get("usage_to_metrics") or stats.get("service_to_metrics"))
    return usages_of(metrics.values())


def usages_of(metrics: Iterable[Any]) -> dict[str, Usage]:
    """Token counts by response id, of metrics as the SDK writes them."""
    found: dict[str, Usage] = {}
    for metric in metrics:
        for row in _list(_mapping(metric).get("token_usages")):
            row = _mapping(row)
            found[str(row.get("response_id"))] = Usage(
                prompt=_count(row.get("prompt_tokens")),
                completion=_count(row.get("completion_tokens")),
                cache_read=_count(row.get("cache_read_tokens")),
                cache_write=_count(row.get("cache_write_tokens")),
            )
    return found


@dataclass(slots=True)
class _Open:
    """A model's answer whose events are still being read."""

    response: str
    before: tuple[Entry, ...]
    start: float
    end: float
    chars: int
    text: str = ""
    calls: list[ToolCall] = field(default_factory=list)


class _Builder:
    """Puts a conversation's events together to turns."""

    def __init__(self, usages: Mapping[str, Usage]) -> None:
        self.estimated = False
        self.tools: list[Any] = []
        self._usages = usages
        self._turns: list[RecordedTurn] = []
        self._new: list[Entry] = []
        self._open: _Open | None = None
        self._chars = 0
        self._last = 0.0

    def add(self, event: Mapping[str, Any]) -> None:
        kind = event.get("kind")
        at = _time(event.get("timestamp"), self._last)
        if kind == "ActionEvent":
            self._answer(event, at, _texts(event.get("thought")))
            assert self._open is not None
            self._open.calls.append(_call(event))
        elif kind == "MessageEvent":
            message = _mapping(event.get("llm_message"))
            text = _texts(message.get("content"))
            if event.get("source") == "agent":
                self._answer(event, at, text)
            else:
                self._message(Entry(role="user", text=text), at)
        elif kind == "SystemPromptEvent":
            text = str(_mapping(event.get("system_prompt")).get("text") or "")
            self.tools += _list(event.get("tools"))
            # The tools' schemas are part of each prompt.
            self._chars += len(json.dumps(event.get("tools") or []))
            self._message(Entry(role="system", text=text), at)
        elif kind in ("ObservationEvent", "AgentErrorEvent", "UserRejectObservation"):
            self._message(_result(event), at)
        self._last = at

    def finish(self) -> tuple[RecordedTurn, ...]:
        self._close()
        return tuple(self._turns)

    def _answer(self, event: Mapping[str, Any], at: float, text: str) -> None:
        response = str(event.get("llm_response_id") or event.get("id"))
        if self._open is None or self._open.response != response:
            self._close()
            new, self._new = tuple(self._new), []
            self._open = _Open(response, new, self._last or at, at, self._chars)
        self._open.end = max(self._open.end, at)
        self._open.text = self._open.text or text

    def _message(self, entry: Entry, at: float) -> None:
        if self._open and entry.role == "tool":
            self._open.end = max(self._open.end, at)
        self._new.append(entry)
        self._chars += len(entry.text)

    def _close(self) -> None:
        done, self._open = self._open, None
        if done is None:
            return
        length = len(done.text) + sum(len(c.arguments) for c in done.calls)
        usage = self._usages.get(done.response)
        if usage is None or not usage.prompt:
            self.estimated = True
            usage = Usage(
                prompt=done.chars // CHARS_PER_TOKEN,
                completion=length // CHARS_PER_TOKEN,
            )
        self._chars += length
        answer = Entry(role="assistant", text=done.text, calls=tuple(done.calls))
        self._turns.append(
            RecordedTurn(
                before=done.before,
                answer=answer,
                usage=usage,
                start=done.start,
                end=done.end,
            )
        )


def _call(event: Mapping[str, Any]) -> ToolCall:
    """The call of an action; the betas of 1.0 nested it as the provider sends it."""
    call = _mapping(event.get("tool_call"))
    own = _mapping(call.get("function")) or call
    arguments = own.get("arguments")
    if not arguments:
        action = _mapping(event.get("action"))
        arguments = {k: v for k, v in action.items() if k != "kind"}
    return ToolCall(
        id=str(call.get("id") or event.get("tool_call_id") or ""),
        name=str(own.get("name") or event.get("tool_name") or ""),
        arguments=arguments if isinstance(arguments, str) else json.dumps(arguments),
    )


def _result(event: Mapping[str, Any]) -> Entry:
    seen = _mapping(event.get("observation"))
    error = seen.get("error")
    said = error if isinstance(error, str) else event.get("error")
    text = _texts(seen.get("content")) or _texts(seen.get("output")) or str(said or "")
    code = seen.get("exit_code", _mapping(seen.get("metadata")).get("exit_code"))
    return Entry(
        role="tool",
        text=text,
        call_id=str(event.get("tool_call_id") or ""),
        exit_code=code if type(code) is int else None,
        is_error=bool(error)
        or seen.get("is_error") is True
        or event.get("kind") == "AgentErrorEvent",
    )


def _time(stamp: Any, before: float) -> float:
    try:
        return max(before, datetime.fromisoformat(str(stamp)).timestamp())
    except (ValueError, OverflowError):
        return before


def _texts(parts: Any) -> str:
    if isinstance(parts, str):
        return parts
    found = (_mapping(part).get("text") for part in _list(parts))
    return "\n".join(text for text in found if isinstance(text, str))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else ()


def _count(value: Any) -> int:
    is_count = isinstance(value, int) and not isinstance(value, bool)
    return max(value, 0) if is_count else 0
