"""Recordings are read as they are, or refused by file, place and remedy."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from openhands_tiered_router.record.replay.sessions import SessionError, read_sessions


def assistant(at: Any, prompt: int = 100, **more: Any) -> dict[str, Any]:
    usage = {"prompt_tokens": prompt, "completion_tokens": 10, "cached_tokens": 0}
    return {
        "role": "assistant",
        "content": "x",
        "timestamp": at,
        "usage": usage,
        **more,
    }


SESSION: dict[str, Any] = {
    "session": "a",
    "instance_id": "t",
    "messages": [
        {"role": "user", "content": "Fix it"},
        assistant(10.0),
        {"role": "tool", "content": "ok", "tool_call_id": "1", "timestamp": 14.0},
        assistant(20.0, 300),
        {"role": "exit", "content": ""},
    ],
}


def write(path: Path, *rows: Any) -> Path:
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return path


def test_turns_carry_what_is_new_and_when_it_was(tmp_path: Path) -> None:
    (session,) = read_sessions(write(tmp_path / "s.jsonl", SESSION))
    first, second = session.turns
    assert (session.id, session.task) == ("a", "t")
    assert [e.role for e in first.before] == ["user"]
    assert [e.role for e in second.before] == ["tool"]
    assert (first.start, first.end) == (10.0, 14.0)
    assert (second.start, second.end) == (14.0, 20.0)
    assert second.usage.prompt == 300


def test_the_time_that_a_user_takes_is_no_turns(tmp_path: Path) -> None:
    spoke = {"role": "user", "content": "Now test it", "timestamp": 900.0}
    row = {**SESSION, "messages": [*SESSION["messages"], spoke, assistant(905.0)]}
    (session,) = read_sessions(write(tmp_path / "s.jsonl", row))
    assert [(t.start, t.end) for t in session.turns[1:]] == [
        (14.0, 20.0),
        (900.0, 905.0),
    ]


def test_gzip_is_read_whatever_the_file_is_called(tmp_path: Path) -> None:
    path = tmp_path / "s.data"
    path.write_bytes(gzip.compress(json.dumps(SESSION).encode()))
    assert len(read_sessions(path)) == 1


def test_session_without_a_counted_answer_is_left_out(tmp_path: Path) -> None:
    empty = {"session": "b", "messages": [{"role": "user", "content": "hi"}]}
    assert read_sessions(write(tmp_path / "s.jsonl", empty)) == []


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ([], "expected an object, got list"),
        ({"messages": []}, "'session' must be a name"),
        ({"session": "a"}, "'messages' must be a list"),
        ({"session": "a", "messages": [{"role": "king"}]}, r"messages\[0\].role"),
        ({"session": "a", "messages": [assistant("x")]}, "timestamp: expected sec"),
        ({"session": "a", "messages": [assistant(1.0, -3)]}, "prompt_tokens: expec"),
        (
            {"session": "a", "messages": [assistant(1.0, usage=[1])]},
            "usage: expected an object",
        ),
    ],
)
def test_bad_recording_is_refused_by_place(tmp_path: Path, row: Any, said: str) -> None:
    path = write(tmp_path / "s.jsonl", SESSION, row)
    with pytest.raises(SessionError, match=rf"s\.jsonl:2.*{said}"):
        read_sessions(path)


def test_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SessionError, match=r"gone\.jsonl: cannot be read"):
        read_sessions(tmp_path / "gone.jsonl")


def test_truncated_gzip_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.gz"
    path.write_bytes(gzip.compress(json.dumps(SESSION).encode() * 50)[:-20])
    with pytest.raises(SessionError, match="cannot be read"):
        read_sessions(path)
