"""Recordings of agents for these tests, and what is looked at of them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from openhands_tiered_router.policy.actions import action_of
from openhands_tiered_router.policy.session import SessionState
from openhands_tiered_router.record.replay.sessions import RecordedSession


def at(second: int) -> str:
    return f"2026-01-01T00:{second // 60:02d}:{second % 60:02d}.000Z"


def lines(path: Path, rows: Iterable[Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    return path


def kinds(session: RecordedSession) -> list[list[str]]:
    calls = [turn.answer.calls for turn in session.turns]
    return [[str(action_of(call).kind) for call in turn] for turn in calls]


def failures(session: RecordedSession) -> list[bool]:
    """Whether each turn failed, as the next one's messages tell."""
    state, found = SessionState(), []
    for turn in session.turns:
        state = state.fold(turn.before)
        found.append(state.last is not None and state.last.failed)
        state = state.fold((turn.answer,))
    return found[1:]


def claude(
    second: int, role: str, content: Any, id: str | None = None, **more: Any
) -> dict[str, Any]:
    usage = {
        "input_tokens": 4,
        "cache_read_input_tokens": 100,
        "cache_creation_input_tokens": 20,
        "output_tokens": 9,
    }
    message: dict[str, Any] = {"role": role, "content": content}
    if id:
        message |= {"id": id, "usage": usage, "model": "claude"}
    return {
        "type": role,
        "sessionId": "s",
        "uuid": str(second),
        "timestamp": at(second),
        "message": message,
        **more,
    }


def used(id: str, name: str, **given: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": id, "name": name, "input": given}


def result(id: str, text: str, is_error: bool = False) -> list[dict[str, Any]]:
    block = {"type": "tool_result", "tool_use_id": id, "content": text}
    return [{**block, "is_error": is_error}]


CLAUDE = [
    {"type": "summary", "summary": "x", "leafUuid": "y"},
    claude(0, "user", "Fix it"),
    claude(5, "assistant", [{"type": "text", "text": "Let me look"}], "m1"),
    claude(6, "assistant", [used("a", "Read", file_path="/w/a.py")], "m1"),
    claude(6, "assistant", [used("b", "Grep", pattern="x")], "m1"),
    claude(7, "assistant", [used("z", "Bash", command="ls")], "m9", isSidechain=True),
    claude(8, "user", result("a", "x = 'Error:'")),
    claude(9, "user", result("b", "a.py:1")),
    claude(12, "assistant", [used("c", "Edit", file_path="a.py")], "m2"),
    claude(13, "user", result("c", "<tool_use_error>no</tool_use_error>", True)),
    claude(13, "user", "Caveat: added by the program", isMeta=True),
    claude(20, "assistant", [{"type": "text", "text": "Done"}], "m3"),
    claude(900, "user", "Now test it"),
    claude(910, "assistant", [used("d", "Bash", command="pytest")], "m4"),
]


def item(second: int, kind: str, **payload: Any) -> dict[str, Any]:
    row = {"type": kind, **payload}
    return {"timestamp": at(second), "type": "response_item", "payload": row}


def tokens(second: int, prompt: int) -> dict[str, Any]:
    usage = {"input_tokens": prompt, "cached_input_tokens": 50, "output_tokens": 7}
    info = {"last_token_usage": usage, "total_token_usage": usage}
    payload = {"type": "token_count", "info": info}
    return {"timestamp": at(second), "type": "event_msg", "payload": payload}


def said(role: str, text: str) -> dict[str, Any]:
    kind = "output_text" if role == "assistant" else "input_text"
    return {"role": role, "content": [{"type": kind, "text": text}]}


PATCH = "*** Begin Patch\n*** Update File: a.py\n*** End Patch"
CODEX = [
    {"timestamp": at(0), "type": "session_meta", "payload": {"id": "s"}},
    item(0, "message", **said("user", "<environment_context>x</environment_context>")),
    item(1, "message", **said("user", "Fix it")),
    item(4, "reasoning", summary=[]),
    item(5, "message", **said("assistant", "Looking")),
    item(
        5,
        "function_call",
        name="shell",
        arguments=json.dumps({"command": ["bash", "-lc", "rg foo"]}),
        call_id="1",
    ),
    tokens(5, 90),
    item(6, "function_call_output", call_id="1", output="Exit code: 1\nOutput:\n"),
    item(9, "custom_tool_call", name="apply_patch", input=PATCH, call_id="2"),
    item(9, "local_shell_call", action={"command": ["ls"]}, call_id="3"),
    tokens(9, 120),
    item(10, "custom_tool_call_output", call_id="2", output='{"output":"ok"}'),
    item(11, "function_call_output", call_id="3", output="a.py"),
    item(15, "message", **said("assistant", "Done")),
    tokens(15, 140),
]
