"""What evaluations and proxies write down is read as what it says."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from openhands_tiered_router.policy.session import SessionState
from openhands_tiered_router.record.replay.recordings import read_recordings
from openhands_tiered_router.record.replay.sessions import SessionError
from tests.record.replay.recorded import (
    failures,
    kinds,
    lines,
    result,
    used,
)


def v0(id: int, **event: Any) -> dict[str, Any]:
    return {"id": id, "timestamp": f"2026-01-01T00:00:{id:02d}", **event}


def called(id: str, response: str, name: str, given: dict[str, Any]) -> dict[str, Any]:
    call = {
        "id": id,
        "type": "function",
        "function": {"name": name, "arguments": json.dumps(given)},
    }
    message = {"role": "assistant", "content": "Let me", "tool_calls": [call]}
    usage = {"prompt_tokens": 80, "completion_tokens": 5}
    return {
        "function_name": name,
        "tool_call_id": id,
        "model_response": {
            "id": response,
            "choices": [{"message": message}],
            "usage": usage,
        },
    }


VIEW = called("1", "r1", "str_replace_editor", {"command": "view", "path": "/w/a"})
RAN = called("2", "r2", "execute_bash", {"command": "pytest"})
V0 = {
    "instance_id": "t",
    "history": [
        v0(0, source="agent", action="system", args={"content": "You are"}),
        v0(1, source="user", action="message", args={"content": "Fix it"}),
        v0(3, source="agent", action="read", args={}, tool_call_metadata=VIEW),
        v0(
            4,
            source="agent",
            observation="error",
            content="ERROR:\nInvalid `path`",
            tool_call_metadata=VIEW,
        ),
        v0(6, source="agent", action="run", args={}, tool_call_metadata=RAN),
        v0(
            8,
            source="agent",
            observation="run",
            content="1 passed",
            extras={"metadata": {"exit_code": 0}},
            tool_call_metadata=RAN,
        ),
        # Without function calling, the action itself is all there is.
        v0(9, source="agent", action="run", args={"command": "grep -rn x ."}),
        v0(10, source="agent", observation="run", content="", cause=9),
        v0(12, source="agent", action="finish", args={"thought": "Done"}),
    ],
}


@pytest.mark.parametrize("paired", [False, True])
def test_the_output_of_openhands_v0(tmp_path: Path, paired: bool) -> None:
    history: list[Any] = V0["history"]
    row = {**V0, "history": [history[:4], history[4:]] if paired else history}
    (session,) = read_recordings(lines(tmp_path / "output.jsonl", [row]))
    assert session.task == "t"
    assert kinds(session) == [["read"], ["test"], ["search"], ["finish"]]
    assert failures(session) == [True, False, False]
    assert session.turns[0].usage.prompt == 80
    assert session.turns[1].end - session.turns[1].start == 4.0
    assert session.estimated


def test_an_exported_trajectory_of_openhands_v0(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    path.write_text(json.dumps(V0["history"]), "utf-8")
    (session,) = read_recordings(path)
    assert kinds(session) == [["read"], ["test"], ["search"], ["finish"]]


def event(second: int, kind: str, source: str, **more: Any) -> dict[str, Any]:
    at = f"2026-01-01T00:00:{second:02d}"
    return {"kind": kind, "timestamp": at, "source": source, **more}


SDK = [
    event(1, "MessageEvent", "user", llm_message={"content": "Fix it"}),
    event(
        4,
        "ActionEvent",
        "agent",
        tool_call={"id": "1", "name": "terminal", "arguments": '{"command": "ls"}'},
        llm_response_id="r1",
    ),
    event(
        5,
        "ObservationEvent",
        "environment",
        tool_call_id="1",
        observation={"content": [{"text": "a.py"}], "exit_code": 0},
    ),
    event(7, "MessageEvent", "agent", id="m", llm_message={"content": "Done"}),
]


@pytest.mark.parametrize("form", ["evaluation", "list", "lines"])
def test_events_of_the_sdk_outside_their_directory(tmp_path: Path, form: str) -> None:
    """As OpenHands' benchmarks write them, and as they are exported."""
    used = {"response_id": "r1", "prompt_tokens": 80, "completion_tokens": 5}
    row = {"instance_id": "t", "history": SDK, "metrics": {"token_usages": [used]}}
    path = tmp_path / ("t.json" if form == "list" else "t.jsonl")
    if form == "list":
        path.write_text(json.dumps(SDK), "utf-8")
    else:
        lines(path, [row] if form == "evaluation" else SDK)
    (session,) = read_recordings(path)
    assert session.id == "t"
    assert kinds(session) == [["list"], []]
    assert [turn.end - turn.start for turn in session.turns] == [4.0, 2.0]
    assert (session.turns[0].usage.prompt == 80) is (form == "evaluation")


def test_a_conversation_is_found_by_its_state_too(tmp_path: Path) -> None:
    for number, row in enumerate(SDK):
        lines(tmp_path / "events" / f"event-{number:05d}-00ab.json", [row])
    (tmp_path / "base_state.json").write_text("{}", "utf-8")
    (session,) = read_recordings(tmp_path / "base_state.json")
    assert kinds(session) == [["list"], []]


def test_a_trajectory_of_swe_agent(tmp_path: Path) -> None:
    steps = [
        ("search_dir foo", "Found 2 matches"),
        ("open src/a.py 12", "[File: a.py]"),
        ("edit 12:13\nx = 1\nend_of_edit", "Your proposed edit has introduced new "
         "syntax error(s)"),
        ("create repro.py", "[File: repro.py]"),
        ("submit", ""),
    ]  # fmt: skip
    row = {
        "history": [{"role": "user", "content": "Fix it"}],
        "trajectory": [
            {"action": act, "observation": seen, "thought": "Hm"} for act, seen in steps
        ],
        "info": {"model_stats": {"api_calls": 5}},
    }
    path = tmp_path / "i.traj"
    path.write_text(json.dumps(row), "utf-8")
    (session,) = read_recordings(path)
    assert kinds(session) == [["search"], ["read"], ["edit"], ["script"], ["finish"]]
    assert failures(session) == [False, False, True, False]
    assert session.estimated
    assert session.turns[-1].end > 0


def chat_call(id: str, name: str, given: dict[str, Any]) -> dict[str, Any]:
    return {"id": id, "function": {"name": name, "arguments": json.dumps(given)}}


OPENAI = [
    {"role": "system", "content": "You are"},
    {"role": "user", "content": "Fix it"},
    {"role": "assistant", "content": None, "tool_calls": [
        chat_call("1", "run_shell_command", {"command": "ls"})]},
    {"role": "tool", "tool_call_id": "1", "content": "a.py"},
    {"role": "assistant", "content": "Done"},
]  # fmt: skip
ANTHROPIC = [
    {"role": "user", "content": "Fix it"},
    {"role": "assistant", "content": [used("1", "bash", command="ls")]},
    {"role": "user", "content": result("1", "a.py")},
    {"role": "assistant", "content": "Done"},
]
BLOCKS = [
    {"role": "user", "content": "Fix it"},
    {"role": "assistant", "content": "THOUGHT: look\n```bash\nls\n```"},
    {"role": "user", "content": "<returncode>0</returncode>\n<output>a.py</output>"},
    {"role": "assistant", "content": "Done"},
]
CALLED = "<function=execute_bash>\n<parameter=command>ls</parameter>\n</function>"
FUNCTIONS = [
    {"role": "user", "content": "Fix it"},
    {"role": "assistant", "content": f"Let me look\n{CALLED}"},
    {"role": "user", "content": "EXECUTION RESULT of [execute_bash]:\na.py"},
    {"role": "assistant", "content": "Done"},
]


@pytest.mark.parametrize("messages", [OPENAI, ANTHROPIC, BLOCKS, FUNCTIONS])
@pytest.mark.parametrize("form", ["row", "object", "list", "packed"])
def test_a_log_of_messages(tmp_path: Path, messages: list[Any], form: str) -> None:
    path = tmp_path / ("a.jsonl" if form in ("row", "packed") else "a.json")
    content = json.dumps(messages if form == "list" else {"messages": messages})
    if form == "packed":
        path.write_bytes(gzip.compress(content.encode()))
    else:
        path.write_text(content, "utf-8")
    (session,) = read_recordings(path)
    assert kinds(session) == [["list"], []]
    assert failures(session) == [False]
    assert session.estimated
    assert [e.role for e in session.turns[1].before] == ["tool"]


def test_a_log_of_requests_holds_each_conversation_once(tmp_path: Path) -> None:
    """Each request repeats what was said before it."""
    other = [
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Hi"},
    ]
    requests = [OPENAI[:2], OPENAI[:4], other, OPENAI]
    path = lines(tmp_path / "a.jsonl", [{"messages": m} for m in requests])
    assert [len(session.turns) for session in read_recordings(path)] == [1, 2]


def test_a_message_of_no_known_form_is_named_with_the_remedy(tmp_path: Path) -> None:
    path = lines(tmp_path / "a.jsonl", [{"messages": [*OPENAI, {"role": "what"}]}])
    problem = r"a.jsonl:1: messages\[5\]\.role: expected one of .*; mend or leave out"
    with pytest.raises(SessionError, match=problem):
        read_recordings(path)


ADDED = {"type": "text", "text": "<environment_details>x</environment_details>"}
TOKENS = {"tokens": {"prompt": 90, "completion": 7, "cached": 50}}


@pytest.mark.parametrize("form", ["elements", "native"])
def test_a_task_of_cline_or_roo_code(tmp_path: Path, form: str) -> None:
    """``api_conversation_history.json``; what the program adds opens no request."""
    asks = "I look.\n<read_file>\n<path>src/a.py</path>\n</read_file>"
    seen = "[read_file for 'src/a.py'] Result:\nx = 1"
    call: Any = {"type": "text", "text": asks}
    answer: Any = {"type": "text", "text": seen}
    if form == "native":
        call, (answer,) = used("1", "read_file", path="src/a.py"), result("1", "x = 1")
    task = {"type": "text", "text": "<task>Fix it</task>"}
    messages = [
        {"role": "user", "content": [task, ADDED], "ts": 1_770_000_000_000},
        {"role": "assistant", "content": [call], "ts": 1_770_000_004_000,
         "metrics": TOKENS},
        {"role": "user", "content": [answer, ADDED], "ts": 1_770_000_005_000},
        {"role": "assistant", "content": [call], "ts": 1_770_000_007_000,
         "metrics": TOKENS},
    ]  # fmt: skip
    path = tmp_path / "api_conversation_history.json"
    path.write_text(json.dumps(messages), "utf-8")
    (session,) = read_recordings(path)
    assert kinds(session) == [["read"], ["read"]]
    state, opened = SessionState(), []
    for turn in session.turns:
        state = state.fold(turn.before)
        opened.append(state.after_user)
        state = state.fold((turn.answer,))
    assert opened == [True, False]
    assert state.recent[0].actions[0].paths == ("src/a.py",)
    usage = session.turns[0].usage
    assert (usage.prompt, usage.cache_read, usage.completion) == (90, 50, 7)
    assert [turn.end - turn.start for turn in session.turns] == [5.0, 2.0]
