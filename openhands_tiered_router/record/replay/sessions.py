"""Recorded sessions as turns: what stood before each, what it took, when."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TextIO

from openhands_tiered_router.policy.entry import Entry
from openhands_tiered_router.policy.outcome import Usage


TYPICAL_SECONDS: Final = 9.5
"""Time of a turn that was recorded without times: about the mean of four agents."""
_MOST_LINE: Final = 200_000_000


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
                    raise SessionError(f"{path}:{number}: line too long")
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
        raise kind(f"{where}: not JSON; expected an object a line") from None
    if not isinstance(row, dict):
        kind = type(row).__name__
        raise SessionError(f"{where}: expected an object, got {kind}; leave it out")
    return row
