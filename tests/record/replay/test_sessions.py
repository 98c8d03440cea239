"""Recordings are read as they are, or refused by file, place and remedy."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from openhands_tiered_router.record.replay.recordings import read_recordings
from openhands_tiered_router.record.replay.sessions import SessionError


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
    (session,) = read_recordings(write(tmp_path / "s.jsonl", SESSION))
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
    (session,) = read_recordings(write(tmp_path / "s.jsonl", row))
    assert [(t.start, t.end) for t in session.turns[1:]] == [
        (14.0, 20.0),
        (900.0, 905.0),
    ]


def test_gzip_is_read_whatever_the_file_is_called(tmp_path: Path) -> None:
    path = tmp_path / "s.data"
    path.write_bytes(gzip.compress(json.dumps(SESSION).encode()))
    assert len(read_recordings(path)) == 1


def test_an_answer_that_was_not_counted_is_part_of_the_next_prompt(
    tmp_path: Path,
) -> None:
    shown = {"role": "assistant", "content": "An example"}
    row = {**SESSION, "messages": [shown, *SESSION["messages"]]}
    (session,) = read_recordings(write(tmp_path / "s.jsonl", row))
    assert [e.role for e in session.turns[0].before] == ["assistant", "user"]
    assert len(session.turns) == 2


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (5, "expected an object, got int"),
        ({"session": "a"}, "of no known form"),
        ({"session": "a", "messages": [{"role": "king"}]}, r"messages\[0\].role"),
    ],
)
def test_bad_recording_is_refused_by_place(tmp_path: Path, row: Any, said: str) -> None:
    path = write(tmp_path / "s.jsonl", SESSION, row)
    with pytest.raises(SessionError, match=rf"s\.jsonl:2.*{said}"):
        read_recordings(path)


def test_truncated_gzip_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.gz"
    path.write_bytes(gzip.compress(json.dumps(SESSION).encode() * 50)[:-20])
    with pytest.raises(SessionError, match="cannot be read"):
        read_recordings(path)
