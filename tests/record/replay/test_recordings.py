"""What is not understood is refused, and directories are read whole."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from openhands_tiered_router.record.replay.found import found_transcripts
from openhands_tiered_router.record.replay.recordings import read_recordings
from openhands_tiered_router.record.replay.sessions import SessionError
from tests.record.replay.recorded import CLAUDE, CODEX, lines


ASKED = {"role": "user", "content": "Fix it"}


def test_a_file_of_sessions_that_breaks_off_is_refused(tmp_path: Path) -> None:
    path = lines(tmp_path / "s.jsonl", [{"messages": [ASKED]}])
    path.write_text(path.read_text("utf-8") + '\n{"messages": [', "utf-8")
    with pytest.raises(SessionError, match="s.jsonl:2: not JSON"):
        read_recordings(path)


def test_a_file_whose_actions_are_unknown_is_refused_with_the_reason(
    tmp_path: Path,
) -> None:
    call = {
        "role": "assistant",
        "tool_calls": [
            {"id": "1", "function": {"name": "frobnicate", "arguments": "{}"}}
        ],
    }
    path = lines(tmp_path / "a.jsonl", [{"messages": [ASKED, *[call] * 12]}])
    with pytest.raises(SessionError, match=r"12 of 12 .*'frobnicate'.*tools\.md"):
        read_recordings(path)


def test_a_file_without_any_call_is_refused_with_the_reason(tmp_path: Path) -> None:
    answer = {"role": "assistant", "content": "run_this(ls)"}
    path = lines(tmp_path / "a.jsonl", [{"messages": [ASKED, *[answer] * 12]}])
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
