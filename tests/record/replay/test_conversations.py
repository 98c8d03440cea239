"""Conversations as the SDK persists them are read without the SDK."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from openhands_tiered_router.record.replay.conversations import (
    find_conversations,
    read_conversation,
)
from openhands_tiered_router.record.replay.sessions import SessionError


def at(second: int) -> str:
    return f"2026-01-01T00:00:{second:02d}.000000"


def action(second: int, response: str, id: str, command: str) -> dict[str, Any]:
    call = {
        "id": id,
        "name": "terminal",
        "arguments": json.dumps({"command": command}),
    }
    return {
        "kind": "ActionEvent",
        "timestamp": at(second),
        "source": "agent",
        "thought": [{"type": "text", "text": "Let me look"}],
        "tool_name": "terminal",
        "tool_call_id": id,
        "tool_call": call,
        "llm_response_id": response,
    }


def observation(second: int, id: str, text: str, code: int = 0) -> dict[str, Any]:
    seen = {"content": [{"type": "text", "text": text}], "exit_code": code}
    return {
        "kind": "ObservationEvent",
        "timestamp": at(second),
        "source": "environment",
        "tool_call_id": id,
        "observation": {**seen, "is_error": False},
    }


EVENTS: list[dict[str, Any]] = [
    {
        "kind": "SystemPromptEvent",
        "timestamp": at(0),
        "system_prompt": {"type": "text", "text": "You are an agent"},
        "tools": [],
    },
    {
        "kind": "MessageEvent",
        "timestamp": at(1),
        "source": "user",
        "llm_message": {"content": [{"type": "text", "text": "Fix it"}]},
    },
    action(5, "r1", "c1", "ls"),
    action(5, "r1", "c2", "cat a.py"),
    observation(6, "c1", "a.py"),
    observation(8, "c2", "x = 1", code=2),
    {
        "kind": "MessageEvent",
        "timestamp": at(12),
        "source": "agent",
        "id": "m",
        "llm_response_id": "r2",
        "llm_message": {"content": [{"type": "text", "text": "Done"}]},
    },
]
USAGE = {
    "prompt_tokens": 900,
    "completion_tokens": 20,
    "cache_read_tokens": 0,
    "cache_write_tokens": 800,
}


def persist(
    path: Path, events: list[dict[str, Any]], usages: dict[str, Any] | None = None
) -> Path:
    (path / "events").mkdir(parents=True)
    for i, event in enumerate(events):
        file = path / "events" / f"event-{i:05d}-0123456789ab.json"
        file.write_text(json.dumps(event))
    rows = [{**row, "response_id": id} for id, row in (usages or {}).items()]
    state = {"stats": {"usage_to_metrics": {"agent": {"token_usages": rows}}}}
    (path / "base_state.json").write_text(json.dumps(state))
    return path


def test_parallel_calls_of_one_answer_are_one_turn(tmp_path: Path) -> None:
    usages = {"r1": USAGE, "r2": {**USAGE, "prompt_tokens": 1_000}}
    session = read_conversation(persist(tmp_path / "c", EVENTS, usages))
    first, second = session.turns
    assert len(first.answer.calls) == 2
    assert [e.exit_code for e in second.before] == [0, 2]
    assert (first.usage.prompt, second.usage.prompt) == (900, 1_000)
    assert first.usage.cache_write == 800
    assert first.end - first.start == 7.0
    assert not session.estimated


def test_missing_counts_are_estimated_and_said(tmp_path: Path) -> None:
    session = read_conversation(persist(tmp_path / "c", EVENTS))
    assert session.estimated
    sizes = [turn.usage.prompt for turn in session.turns]
    assert 0 < sizes[0] < sizes[1]


def test_conversations_are_found_below_a_directory(tmp_path: Path) -> None:
    made = [persist(tmp_path / name, EVENTS) for name in ("a", "b")]
    assert find_conversations(tmp_path) == made
    assert find_conversations(made[0]) == [made[0]]


@pytest.mark.parametrize("content", ["{", "[]", "\ud83d".encode("utf-8", "replace")])
def test_broken_event_is_named(tmp_path: Path, content: str | bytes) -> None:
    path = persist(tmp_path / "c", EVENTS)
    file = path / "events" / "event-00003-0123456789ab.json"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(SessionError, match="event-00003"):
        read_conversation(path)


KINDS = sorted({event["kind"] for event in EVENTS})


@pytest.mark.parametrize("kind", [*KINDS, "Unheard", None])
def test_event_without_its_fields_is_survived(tmp_path: Path, kind: str) -> None:
    path = persist(tmp_path / "c", [{"kind": kind}, *EVENTS])
    assert len(read_conversation(path).turns) >= 2


def test_conversations_of_the_betas_are_read_as_those_of_today(tmp_path: Path) -> None:
    """Calls nested as the provider sends them, counts by service, other results."""
    function = {"name": "execute_bash", "arguments": json.dumps({"command": "ls"})}
    call = {"id": "c1", "type": "function", "function": function}
    ran = {"output": "a.py", "metadata": {"exit_code": 2}}
    viewed = {"output": "", "error": "Invalid `path`"}
    events = [
        EVENTS[0],
        EVENTS[1],
        {**action(5, "r1", "c1", "ls"), "tool_call": call},
        {**observation(6, "c1", ""), "observation": ran},
        {**action(7, "r9", "c2", "ls"), "tool_call": None, "tool_name": "execute_bash",
         "action": {"kind": "ExecuteBashAction", "command": "cat a.py"}},
        {**observation(8, "c2", ""), "observation": viewed},
        EVENTS[-1],
    ]  # fmt: skip
    folder = tmp_path / "events"
    folder.mkdir()
    for number, event in enumerate(events):
        name = f"event-{number:05d}-{number:08d}-0000-0000-0000-000000000000.json"
        (folder / name).write_text(json.dumps(event), "utf-8")
    usage = {"token_usages": [{**USAGE, "response_id": "r1"}]}
    state = {"stats": {"service_to_metrics": {"agent": usage}}}
    (tmp_path / "base_state.json").write_text(json.dumps(state), "utf-8")
    session = read_conversation(tmp_path)
    calls = [turn.answer.calls[0] for turn in session.turns[:2]]
    assert [(c.name, json.loads(c.arguments)["command"]) for c in calls] == [
        ("execute_bash", "ls"),
        ("execute_bash", "cat a.py"),
    ]
    assert session.turns[0].usage.prompt == USAGE["prompt_tokens"]
    first, second = (turn.before[0] for turn in session.turns[1:3])
    assert (first.text, first.exit_code) == ("a.py", 2)
    assert (second.text, second.is_error) == ("Invalid `path`", True)
