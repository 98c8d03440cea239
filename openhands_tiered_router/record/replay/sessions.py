"""Recorded sessions as turns: what stood before each, what it took, when."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TextIO

from openhands_tiered_router.policy.chat import ChatFormatError, entries_of
from openhands_tiered_router.policy.entry import Entry
from openhands_tiered_router.policy.outcome import Usage


TYPICAL_SECONDS: Final = 9.5
"""Time of a turn that was recorded without times: about the mean of four agents."""
_MOST_LINE: Final = 200_000_000
_IGNORED: Final = frozenset({"exit"})
"""Roles that some harnesses write beside the conversation's own."""


class SessionError(ValueError):
    """A recording that cannot be read; names the file, the place and the remedy."""


class CutLineError(SessionError):
    """The last line of a file breaks off, as where it is still being written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedTurn:
    """One call to a model, and what came of it."""

    before: tuple[Entry, ...]
    """Messages that are new since the turn before."""
    answer: Entry
    usage: Usage
    start: float
    end: float
    """Seconds; the tools' time belongs to the turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedSession:
    """A conversation of an agent."""

    id: str
    task: str
    """What it was about: sessions of one task are not independent."""
    turns: tuple[RecordedTurn, ...]
    tools: tuple[Any, ...] = ()
    """Definitions of the tools that the agent had, where they were recorded."""
    estimated: bool = False
    """Whether tokens were estimated from lengths, as none were recorded."""


def read_sessions(path: Path) -> list[RecordedSession]:
    """The sessions of a JSON Lines file, plain or gzipped, with a turn each at least.

    Raises:
        SessionError: The file cannot be read or is no recording.
    """
    found = []
    for number, row in read_rows(path):
        session = session_of_row(f"{path}:{number}", row)
        if session.turns:
            found.append(session)
    return found


def read_rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The objects of a JSON Lines file, plain or gzipped, with their lines.

    Raises:
        CutLineError: The last line breaks off; those before it were given.
        SessionError: The file cannot be read, or a line is no object.
    """
    number = 0
    try:
        with open_text(path) as lines:
            for number, line in enumerate(lines, 1):
                if len(line) > _MOST_LINE:
                    raise SessionError(f"{path}:{number}: line too long for a session")
                if line.strip():
                    yield number, _object(f"{path}:{number}", line)
    except (OSError, EOFError, UnicodeDecodeError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        raise SessionError(f"{path}: cannot be read: {reason}") from None


def open_text(path: Path) -> TextIO:
    """A text file, plain or gzipped, whatever its name says."""
    with path.open("rb") as probe:
        packed = probe.read(2) == b"\x1f\x8b"
    if packed:
        return gzip.open(path, "rt", encoding="utf-8")
    return path.open(encoding="utf-8")


def _object(where: str, line: str) -> Mapping[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        kind = SessionError if line.endswith("\n") else CutLineError
        raise kind(f"{where}: not JSON; expected a session a line") from None
    if not isinstance(row, dict):
        kind = type(row).__name__
        raise SessionError(f"{where}: expected an object, got {kind}; leave it out")
    return row


def session_of_row(where: str, row: Mapping[str, Any]) -> RecordedSession:
    """The session of one such object: ``{"session", "messages"}``.

    Only answers that carry ``usage`` are turns.

    Raises:
        SessionError: It is of another form.
    """
    name, messages = row.get("session"), row.get("messages")
    if not isinstance(name, str) or not name:
        raise SessionError(f"{where}: 'session' must be a name")
    if not isinstance(messages, list):
        raise SessionError(f"{where}: 'messages' must be a list of chat messages")
    known = [
        m for m in messages if not (isinstance(m, dict) and m.get("role") in _IGNORED)
    ]
    try:
        entries = entries_of(known)
    except ChatFormatError as error:
        raise SessionError(f"{where}: {error}") from None
    task = row.get("instance_id")
    return RecordedSession(
        id=name,
        task=task if isinstance(task, str) else name,
        turns=_turns(where, known, entries),
    )


def _turns(
    where: str, messages: Sequence[Mapping[str, Any]], entries: Sequence[Entry]
) -> tuple[RecordedTurn, ...]:
    turns: list[RecordedTurn] = []
    new: list[Entry] = []
    end: float | None = None
    for i, (message, entry) in enumerate(zip(messages, entries, strict=True)):
        place = f"{where}: messages[{i}]"
        if entry.role == "assistant" and message.get("usage"):
            at = _time(place, message)
            start = end if end is not None else at or 0.0
            end = max(start, at if at is not None else start)
            usage = _usage(place, message["usage"])
            turns.append(
                RecordedTurn(
                    before=tuple(new), answer=entry, usage=usage, start=start, end=end
                )
            )
            new = []
            continue
        new.append(entry)
        at = _time(place, message)
        if entry.role == "tool" and turns:
            end = max(turns[-1].start, at) if at is not None else end
            turns[-1] = _ending(turns[-1], end)
        elif entry.role == "user" and at is not None:
            # The user's time is not the agent's: what follows begins here.
            end = max(end or 0.0, at)
    return tuple(turns)


def _ending(turn: RecordedTurn, end: float | None) -> RecordedTurn:
    return RecordedTurn(
        before=turn.before,
        answer=turn.answer,
        usage=turn.usage,
        start=turn.start,
        end=turn.end if end is None else end,
    )


def _time(where: str, message: Mapping[str, Any]) -> float | None:
    at = message.get("timestamp")
    if at is None:
        return None
    if isinstance(at, bool) or not isinstance(at, int | float):
        raise SessionError(f"{where}.timestamp: expected seconds, got {at!r}")
    return float(at)


def _usage(where: str, usage: Any) -> Usage:
    if not isinstance(usage, dict):
        raise SessionError(f"{where}.usage: expected an object")
    return Usage(
        prompt=_tokens(where, usage, "prompt_tokens"),
        completion=_tokens(where, usage, "completion_tokens"),
        cache_read=_tokens(where, usage, "cached_tokens"),
    )


def _tokens(where: str, usage: Mapping[str, Any], name: str) -> int:
    value = usage.get(name) or 0
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise SessionError(f"{where}.usage.{name}: expected a count, got {value!r}")
    return value
