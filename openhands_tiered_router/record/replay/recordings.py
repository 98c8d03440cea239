"""Reading recordings of any known form, and finding those on this machine."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from openhands_tiered_router.pages import doc_page
from openhands_tiered_router.plural import counted
from openhands_tiered_router.policy.actions import action_of
from openhands_tiered_router.policy.kinds import ActionKind
from openhands_tiered_router.policy.tools import facts_of
from openhands_tiered_router.record.replay import coding_tools, trajectories
from openhands_tiered_router.record.replay.conversations import (
    find_conversations,
    is_event,
    read_conversation,
    session_of_events,
)
from openhands_tiered_router.record.replay.sessions import (
    CutLineError,
    RecordedSession,
    SessionError,
    open_text,
    read_rows,
)


_LOG: Final = logging.getLogger(__name__)
_FORMS: Final = (
    "a session a line ({session, messages}), a directory of OpenHands conversations, "
    "a transcript of Claude Code, Codex CLI, Gemini CLI, pi, Cline or Roo Code, "
    "OpenHands' output.jsonl or exported events, SWE-agent's .traj, or a log of "
    "messages"
)
_SUFFIXES: Final = (".jsonl", ".jsonl.gz", ".traj", ".json")
_FEW: Final = 10
"""Actions below which a share says nothing."""
_MOST_UNREAD: Final = 0.5
_LEAST_CALLING: Final = 0.1
"""Share of turns that call a tool, in what an agent did."""


def read_recordings(path: Path) -> list[RecordedSession]:
    """The sessions of a file, or of all files and conversations below a directory.

    Raises:
        SessionError: Nothing there can be read, or what it holds is not understood: a
            recording whose actions are unknown would count as hard throughout.
    """
    if not path.exists():
        raise SessionError(f"{path}: does not exist; give {_FORMS}")
    if path.name == "base_state.json":
        path = path.parent  # of the conversation that this is a part of
    found = _of_directory(path) if path.is_dir() else read_file(path)
    found = _whole([session for session in found if session.turns])
    if not found:
        raise SessionError(f"{path}: no session with a model's answer; give {_FORMS}")
    _check(path, found)
    return found


def _whole(sessions: Sequence[RecordedSession]) -> list[RecordedSession]:
    """Without those that another goes on from: who logs each request writes every
    conversation down again and again, a turn longer each time."""
    ends, within = [], set()
    for session in sessions:
        seen = 0
        for turn in session.turns:
            within.add(seen)
            seen = hash((seen, turn.before, turn.answer))
        ends.append(seen)
    return [s for s, end in zip(sessions, ends, strict=True) if end not in within]


def read_file(path: Path) -> list[RecordedSession]:
    """The sessions of one file; some may have no turn.

    Raises:
        SessionError: It is of no known form.
    """
    rows = _rows(path)
    if not rows:
        raise SessionError(f"{path}: is empty; give {_FORMS}")
    given = rows[0][1] if isinstance(rows[0][1], list) else [row for _, row in rows]
    plain = [row for row in given if isinstance(row, dict)]
    for known, read in _LISTS:
        if any(map(known, plain[:_FEW])):
            return [read(path.stem, plain)]
    return [_session(path, number, row) for number, row in rows]


_LISTS: Final = (
    (coding_tools.is_codex, coding_tools.codex),
    (coding_tools.is_gemini, coding_tools.gemini),
    (coding_tools.is_pi, coding_tools.pi),
    (coding_tools.is_claude_code, coding_tools.claude_code),
    (is_event, lambda name, rows: session_of_events(name, rows, {})),
    (
        trajectories.is_openhands_v0_event,
        lambda name, rows: trajectories.openhands(name, {"history": rows}),
    ),
)
"""Forms in which a session is a list of objects, or one a line, and their readers."""


def _session(path: Path, number: int, row: Any) -> RecordedSession:
    where = f"{path}:{number}"
    if isinstance(row, list):
        row = {"messages": row}
    if not isinstance(row, dict):
        raise SessionError(f"{where}: expected an object, got {type(row).__name__}")
    if trajectories.is_swe_agent(row):
        return trajectories.swe_agent(path.stem, row)
    if trajectories.is_openhands(row):
        return trajectories.openhands(where, row)
    if trajectories.is_message_log(row):
        return trajectories.message_log(where, row)
    raise SessionError(f"{where}: of no known form; give {_FORMS}")


def _rows(path: Path) -> list[tuple[int, Any]]:
    """The file's objects with their lines; a file that is one object is one of them."""
    if path.name.endswith((".json", ".traj")):
        try:
            with open_text(path) as file:
                return [(1, json.load(file))]
        except (OSError, ValueError, RecursionError, EOFError) as error:
            raise SessionError(
                f"{path}: not readable as JSON ({type(error).__name__}); give {_FORMS}"
            ) from None
    rows: list[tuple[int, Any]] = []
    try:
        rows.extend(read_rows(path))
    except CutLineError:
        # An agent that is at work, or was stopped, leaves half a line behind.
        if not any(known(row) for _, row in rows[:_FEW] for known, _ in _LISTS):
            raise
    return rows


def _of_directory(path: Path) -> Iterator[RecordedSession]:
    conversations = find_conversations(path)
    if conversations:
        yield from map(read_conversation, conversations)
        return
    left_out: list[SessionError] = []
    read = 0
    for file in _files(path):
        try:
            yield from read_file(file)
            read += 1
        except SessionError as error:
            left_out.append(error)
    if left_out and not read:
        raise left_out[0]
    if left_out:
        # Agents keep settings and results beside their recordings.
        first = str(left_out[0]).removesuffix(f"; give {_FORMS}")
        _LOG.warning("%s left out: %s", counted(len(left_out), "file"), first)


def _files(path: Path) -> list[Path]:
    """Files below it that may hold sessions; those of Claude's subagents left out."""
    return sorted(
        file
        for file in path.rglob("*")
        if file.name.endswith(_SUFFIXES)
        and file.is_file()
        and not file.name.startswith("agent-")
    )


def _check(path: Path, sessions: Sequence[RecordedSession]) -> None:
    answers = [turn.answer for session in sessions for turn in session.turns]
    calls = [call for answer in answers for call in answer.calls]
    declared = facts_of(tool for session in sessions for tool in session.tools)
    if len(answers) >= _FEW and len(calls) < _LEAST_CALLING * len(answers):
        raise SessionError(
            f"{path}: only {len(calls)} tool calls in {len(answers)} answers could be "
            "read, and they show what an agent did; if they are written in the "
            f"answers' text, convert them first, or give {_FORMS}"
        )
    unread = Counter(
        call.name or "(no name)"
        for call in calls
        if action_of(call, facts=declared.get(call.name)).kind is ActionKind.OTHER
    )
    if len(calls) >= _FEW and unread.total() > _MOST_UNREAD * len(calls):
        name, times = unread.most_common(1)[0]
        raise SessionError(
            f"{path}: {unread.total()} of {len(calls)} actions cannot be read, most of "
            f"them of the tool {name!r} ({times}); all of these would count as hard. "
            f"Known tools, and how to declare one: {doc_page('tools')}"
        )
