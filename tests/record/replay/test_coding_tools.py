"""Transcripts of coding agents are read as what they say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from openhands_tiered_router.record.replay.recordings import read_recordings
from tests.record.replay.recorded import (
    CLAUDE,
    CODEX,
    at,
    claude,
    failures,
    item,
    kinds,
    lines,
    result,
    said,
    tokens,
    used,
)


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


def pi(second: int, role: str, content: Any, **more: Any) -> dict[str, Any]:
    message = {"role": role, "content": content, **more}
    return {"type": "message", "timestamp": at(second), "message": message}


def test_a_session_of_pi(tmp_path: Path) -> None:
    usage = {"input": 4, "output": 9, "cacheRead": 100, "cacheWrite": 20}
    call = {
        "type": "toolCall",
        "id": "1",
        "name": "bash",
        "arguments": {"command": "rg foo"},
    }
    none = {"input": 0, "output": 0, "cacheRead": 0, "cacheWrite": 0}
    text = {"type": "text", "text": "Looking"}
    rows = [
        {"type": "session", "id": "s", "timestamp": at(0), "cwd": "/w"},
        pi(1, "user", [{"type": "text", "text": "Fix it"}]),
        pi(2, "assistant", [], usage=none, stopReason="aborted"),
        pi(5, "assistant", [text, call], usage=usage),
        {"type": "model_change", "timestamp": at(5), "modelId": "x"},
        pi(9, "toolResult", [{"type": "text", "text": "no"}], toolCallId="1",
           isError=True),
        pi(12, "assistant", [{**call, "name": "edit", "id": "2"}], usage=usage),
    ]  # fmt: skip
    (session,) = read_recordings(lines(tmp_path / "s.jsonl", rows))
    assert kinds(session) == [["search"], ["edit"]]
    assert failures(session) == [True]
    first = session.turns[0]
    assert (first.usage.prompt, first.usage.cache_read) == (124, 100)
    assert (first.usage.cache_write, first.usage.completion) == (20, 9)
    assert [turn.end - turn.start for turn in session.turns] == [8.0, 3.0]
    assert not session.estimated


GEMINI_CALL = {
    "id": "1",
    "name": "run_shell_command",
    "args": {"command": "ls"},
    "status": "error",
    "timestamp": at(7),
    "result": [{"functionResponse": {"response": {"error": "no such directory"}}}],
}
GEMINI = [
    {"id": "u", "type": "user", "timestamp": at(1), "content": [{"text": "Fix it"}]},
    {"id": "i", "type": "info", "timestamp": at(1), "content": "Update available"},
    {
        "id": "g",
        "type": "gemini",
        "timestamp": at(4),
        "content": "Looking",
        "toolCalls": [GEMINI_CALL],
        "tokens": {"input": 90, "cached": 50, "output": 7, "thoughts": 5, "tool": 0},
    },
    {"id": "h", "type": "gemini", "timestamp": at(9), "content": "Done"},
]


@pytest.mark.parametrize("form", ["object", "lines"])
def test_a_session_of_gemini_cli(tmp_path: Path, form: str) -> None:
    """One object, or since 2026 a line a message, written anew as results come in."""
    about = {"sessionId": "s", "projectHash": "p", "startTime": at(0)}
    if form == "object":
        path = lines(tmp_path / "session-s.json", [{**about, "messages": GEMINI}])
    else:
        early = {k: v for k, v in GEMINI[2].items() if k != "toolCalls"}
        update = {"$set": {"lastUpdated": at(9)}}
        rows = [about, *GEMINI[:2], early, GEMINI[2], update, GEMINI[3]]
        path = lines(tmp_path / "session-s.jsonl", rows)
    (session,) = read_recordings(path)
    assert kinds(session) == [["list"], []]
    assert failures(session) == [True]
    assert session.turns[1].before[0].text == "no such directory"
    first = session.turns[0].usage
    assert (first.prompt, first.cache_read, first.completion) == (90, 50, 12)
    assert [turn.end - turn.start for turn in session.turns] == [6.0, 2.0]
