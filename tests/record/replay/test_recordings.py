"""Recordings of many agents are read alike, and what is not understood is refused."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from openhands_tiered_router.policy.actions import action_of
from openhands_tiered_router.policy.session import SessionState
from openhands_tiered_router.record.replay.recordings import (
    found_transcripts,
    read_recordings,
)
from openhands_tiered_router.record.replay.sessions import (
    RecordedSession,
    SessionError,
)


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


def test_a_transcript_of_claude_code(tmp_path: Path) -> None:
    (session,) = read_recordings(lines(tmp_path / "s.jsonl", CLAUDE))
    assert kinds(session) == [["read", "search"], ["edit"], [], ["test"]]
    assert failures(session) == [False, True, False]
    first = session.turns[0]
    assert (first.usage.prompt, first.usage.cache_read) == (124, 100)
    assert first.usage.cache_write == 20
    assert first.answer.text == "Let me look"
    # The user's quarter of an hour is no turn's time, and opens a request.
    assert [turn.end - turn.start for turn in session.turns] == [9.0, 4.0, 7.0, 10.0]
    assert [e.role for e in session.turns[3].before] == ["user"]
    assert not session.estimated


def test_what_claude_code_streams_is_read_as_its_transcript(tmp_path: Path) -> None:
    """``claude -p --output-format stream-json``, as kept by jobs of a CI."""
    kept = [{"type": "system", "subtype": "init", "session_id": "s", "tools": []}]
    for row in CLAUDE[1:]:
        if not row.get("isSidechain") and not row.get("isMeta"):
            kept.append({k: row[k] for k in ("type", "message")} | {"session_id": "s"})
    (session,) = read_recordings(lines(tmp_path / "s.jsonl", kept))
    assert kinds(session) == [["read", "search"], ["edit"], [], ["test"]]
    assert session.turns[0].usage.prompt == 124
    assert session.turns[-1].end > session.turns[0].end > 0


def test_the_wait_for_a_question_s_answer_is_no_turn_s_time(tmp_path: Path) -> None:
    rows = [
        claude(0, "user", "Fix it"),
        claude(5, "assistant", [used("a", "AskUserQuestion", questions=[])], "m1"),
        claude(600, "user", result("a", "Yes")),
        claude(607, "assistant", [{"type": "text", "text": "Done"}], "m2"),
    ]
    (session,) = read_recordings(lines(tmp_path / "s.jsonl", rows))
    assert [turn.end - turn.start for turn in session.turns] == [5.0, 7.0]


def test_results_between_the_lines_of_an_answer_do_not_split_it(
    tmp_path: Path,
) -> None:
    """Claude Code runs the first calls while the answer is still being written."""
    early = [*CLAUDE[:4], CLAUDE[6], CLAUDE[4], *CLAUDE[7:]]
    (session,) = read_recordings(lines(tmp_path / "s.jsonl", early))
    assert kinds(session) == [["read", "search"], ["edit"], [], ["test"]]
    assert failures(session) == [False, True, False]


@pytest.mark.parametrize("form", ["claude", "codex"])
def test_a_transcript_that_is_still_being_written_is_read(
    tmp_path: Path, form: str
) -> None:
    path = lines(tmp_path / "s.jsonl", CLAUDE if form == "claude" else CODEX)
    whole = read_recordings(path)
    path.write_text(path.read_text("utf-8") + '\n{"type": "assi', "utf-8")
    assert read_recordings(path) == whole


def test_a_file_of_sessions_that_breaks_off_is_refused(tmp_path: Path) -> None:
    path = lines(tmp_path / "s.jsonl", [{"messages": OPENAI}])
    path.write_text(path.read_text("utf-8") + '\n{"messages": [', "utf-8")
    with pytest.raises(SessionError, match="s.jsonl:2: not JSON"):
        read_recordings(path)


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


def test_a_rollout_of_codex(tmp_path: Path) -> None:
    (session,) = read_recordings(lines(tmp_path / "rollout-1.jsonl", CODEX))
    assert kinds(session) == [["search"], ["edit", "list"], []]
    assert failures(session) == [True, False]
    assert [turn.usage.prompt for turn in session.turns] == [90, 120, 140]
    assert session.turns[0].usage.cache_read == 50
    assert [e.role for e in session.turns[0].before] == ["system", "user"]
    assert [turn.end for turn in session.turns] == [
        session.turns[0].start + seconds for seconds in (5.0, 10.0, 14.0)
    ]


def test_counts_of_codex_before_an_answer_are_that_answer_s(tmp_path: Path) -> None:
    """Version 0.60 counts before it writes the answer, and again at the next turn."""
    call = {"name": "shell", "arguments": "{}"}
    rows = [
        item(1, "message", **said("user", "Fix it")),
        {"timestamp": at(1), "type": "event_msg", "payload": {
            "type": "token_count", "info": None}},
        tokens(5, 90),
        item(5, "function_call", call_id="1", **call),
        item(6, "function_call_output", call_id="1", output="a.py"),
        tokens(6, 90),
        tokens(9, 120),
        item(9, "function_call", call_id="2", **call),
        item(10, "function_call_output", call_id="2", output="a.py"),
        tokens(10, 120),
        tokens(15, 140),
        item(15, "message", **said("assistant", "Done")),
    ]  # fmt: skip
    (session,) = read_recordings(lines(tmp_path / "rollout-1.jsonl", rows))
    assert [turn.usage.prompt for turn in session.turns] == [90, 120, 140]
    assert not session.estimated


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


def test_a_file_whose_actions_are_unknown_is_refused_with_the_reason(
    tmp_path: Path,
) -> None:
    call = {"role": "assistant", "tool_calls": [chat_call("1", "frobnicate", {})]}
    path = lines(tmp_path / "a.jsonl", [{"messages": [OPENAI[1], *[call] * 12]}])
    with pytest.raises(SessionError, match=r"12 of 12 .*'frobnicate'.*tools\.md"):
        read_recordings(path)


def test_a_file_without_any_call_is_refused_with_the_reason(tmp_path: Path) -> None:
    answer = {"role": "assistant", "content": "run_this(ls)"}
    path = lines(tmp_path / "a.jsonl", [{"messages": [OPENAI[1], *[answer] * 12]}])
    with pytest.raises(SessionError, match="only 0 tool calls in 12 answers"):
        read_recordings(path)


@pytest.mark.parametrize(
    "content", ["", "{", "[1]", '{"a": 1}', '"x"', '{"messages": [{"role": "what"}]}']
)
def test_what_is_no_recording_is_refused_by_name(tmp_path: Path, content: str) -> None:
    for name in ("a.json", "a.jsonl"):
        path = tmp_path / name
        path.write_text(content, "utf-8")
        with pytest.raises(SessionError, match=name):
            read_recordings(path)


def test_a_directory_of_transcripts_is_read_whole(tmp_path: Path) -> None:
    lines(tmp_path / "p" / "one.jsonl", CLAUDE)
    lines(tmp_path / "p" / "two.jsonl", CLAUDE)
    lines(tmp_path / "p" / "agent-3.jsonl", CLAUDE)
    assert {s.id for s in read_recordings(tmp_path)} == {"one", "two"}


def test_other_files_beside_recordings_are_left_out_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lines(tmp_path / "one.jsonl", CLAUDE)
    lines(tmp_path / "preds.jsonl", [{"model_patch": "x"}])
    assert [s.id for s in read_recordings(tmp_path)] == ["one"]
    assert "1 file left out" in caplog.text
    assert "preds.jsonl" in caplog.text
    (tmp_path / "one.jsonl").unlink()
    with pytest.raises(SessionError, match=r"preds\.jsonl"):
        read_recordings(tmp_path)


def test_transcripts_on_this_machine_are_found_and_can_be_read(tmp_path: Path) -> None:
    assert found_transcripts(tmp_path) == []
    one = lines(tmp_path / ".claude" / "projects" / "-w" / "s.jsonl", CLAUDE)
    day = tmp_path / ".codex" / "sessions" / "2026" / "01" / "01"
    lines(day / "rollout-1.jsonl", CODEX)
    os.utime(one, (1, 1))
    found = found_transcripts(tmp_path)
    assert [(f.agent, f.sessions) for f in found] == [
        ("Codex CLI", 1),
        ("Claude Code", 1),
    ]
    assert found[1].newest == 1
    assert all(len(read_recordings(f.path)) == 1 for f in found)
