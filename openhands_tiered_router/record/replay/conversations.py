"""OpenHands conversations as recorded sessions, read without the SDK.

A persisted conversation is a directory with ``base_state.json`` and
``events/event-*.json`` (openhands-sdk, since the betas of 1.0); evaluations and
exports keep its events in a list. Token counts come from ``base_state.json``, or the
metrics beside the list, by response id; calls without one are estimated from lengths.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from openhands_tiered_router.policy.entry import Entry, ToolCall
from openhands_tiered_router.policy.outcome import Usage
from openhands_tiered_router.record.replay.sessions import (
    RecordedSession,
    SessionError,
)
from openhands_tiered_router.record.replay.steps import (
    Step,
    mapping,
    seconds_of,
    sequence,
    session_of,
    texts,
    usage_of,
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
    tools: list[Any] = []
    steps = _joined(_steps(events, usages, tools))
    return replace(session_of(name, name, steps), tools=tuple(tools))


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
    stats = mapping(_json(file).get("stats"))
    # The betas counted by service.
    metrics = mapping(stats.get("usage_to_metrics") or stats.get("service_to_metrics"))
    return usages_of(metrics.values())


def usages_of(metrics: Iterable[Any]) -> dict[str, Usage]:
    """Token counts by response id, of metrics as the SDK writes them."""
    found: dict[str, Usage] = {}
    for metric in metrics:
        for row in map(mapping, sequence(mapping(metric).get("token_usages"))):
            if usage := usage_of(row):
                found[str(row.get("response_id"))] = usage
    return found


def _steps(
    events: Iterable[Mapping[str, Any]], usages: Mapping[str, Usage], tools: list[Any]
) -> Iterator[tuple[str, Step]]:
    """The events' messages, each with the id of the response that it is a part of."""
    for event in events:
        kind, at = event.get("kind"), seconds_of(event.get("timestamp"))
        response = str(event.get("llm_response_id") or event.get("id"))
        if kind == "ActionEvent":
            said = texts(event.get("thought"))
            entry = Entry(role="assistant", text=said, calls=(_call(event),))
            yield response, Step(entry=entry, at=at, usage=usages.get(response))
        elif kind == "MessageEvent":
            said = texts(mapping(event.get("llm_message")).get("content"))
            if event.get("source") == "agent":
                entry = Entry(role="assistant", text=said)
                yield response, Step(entry=entry, at=at, usage=usages.get(response))
            else:
                yield "", Step(entry=Entry(role="user", text=said), at=at)
        elif kind == "SystemPromptEvent":
            given = sequence(event.get("tools"))
            tools += given
            said = str(mapping(event.get("system_prompt")).get("text") or "")
            # The tools' schemas are part of each prompt.
            schemas = len(json.dumps(given))
            entry = Entry(role="system", text=said)
            yield "", Step(entry=entry, at=at, extra_chars=schemas)
        elif kind in ("ObservationEvent", "AgentErrorEvent", "UserRejectObservation"):
            yield "", Step(entry=_result(event), at=at)


def _joined(steps: Iterable[tuple[str, Step]]) -> Iterator[Step]:
    """The steps, those that are parts of one response put together.

    Results of its first calls may come before its last: they are kept behind it.
    """
    last, answer, results = "", None, []
    for response, step in steps:
        if not response and step.entry.role == "tool":
            results.append(step)
            continue
        if answer and response == last:
            text = answer.entry.text or step.entry.text
            calls = (*answer.entry.calls, *step.entry.calls)
            entry = replace(answer.entry, text=text, calls=calls)
            answer = replace(answer, entry=entry, at=step.at)
            continue
        if answer:
            yield answer
        yield from results
        last, answer, results = response, step if response else None, []
        if not response:
            yield step
    if answer:
        yield answer
    yield from results


def _call(event: Mapping[str, Any]) -> ToolCall:
    """The call of an action; the betas of 1.0 nested it as the provider sends it."""
    call = mapping(event.get("tool_call"))
    own = mapping(call.get("function")) or call
    action = mapping(event.get("action"))
    given = own.get("arguments") or {k: v for k, v in action.items() if k != "kind"}
    return ToolCall.of(
        call.get("id") or event.get("tool_call_id"),
        own.get("name") or event.get("tool_name"),
        given,
    )


def _result(event: Mapping[str, Any]) -> Entry:
    seen = mapping(event.get("observation"))
    error = seen.get("error")
    said = error if isinstance(error, str) else event.get("error")
    text = texts(seen.get("content")) or texts(seen.get("output")) or str(said or "")
    code = seen.get("exit_code", mapping(seen.get("metadata")).get("exit_code"))
    return Entry(
        role="tool",
        text=text,
        call_id=str(event.get("tool_call_id") or ""),
        exit_code=code if type(code) is int else None,
        is_error=bool(error)
        or seen.get("is_error") is True
        or event.get("kind") == "AgentErrorEvent",
    )
