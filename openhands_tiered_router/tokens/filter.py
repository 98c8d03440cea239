"""Shortening a tool's result once, when it arrives: by what is still in view above it.

Runs of lines that an earlier result or command shows in full are replaced by one line
that says how many, from where to where, and above which command they stand. Numbers
before the lines (``cat -n``, ``grep -n``) may differ; the line says which were meant.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from openhands_tiered_router.tokens.distil import distilled


LEAST: Final = 400
"""Characters below which fronts leave a result alone."""
WINDOW: Final = 3
"""Lines that must be alike, one after the other, before a run is looked at."""
LEAST_LINES: Final = 4
LEAST_SAVED: Final = 60
"""Characters by which the text must get shorter for a run to be left out: its notice
is some 120 characters long itself, which the model has to read and look up."""
_SHOWN: Final = 30
_NAME: Final = 40
_NUMBERED: Final = re.compile(r"\s*(\d+)(?:\t|[:\-]| {2,}|\| ?)")
"""The number that ``cat -n``, ``nl``, ``grep -n`` and ``sed =`` put before a line."""
_DULL: Final = re.compile(r"[\W_]*")


@dataclass(frozen=True, slots=True)
class _Place:
    text: int
    line: int


@dataclass(frozen=True, slots=True)
class _Text:
    name: str
    lines: tuple[str, ...]
    """Without numbers."""


@dataclass(slots=True)
class Seen:
    """What a conversation shows: texts in the order in which they came.

    Adding and looking up take time in proportion to the text at hand alone.
    """

    _texts: list[_Text] = field(default_factory=list)
    _places: dict[tuple[str, ...], _Place] = field(default_factory=dict)

    def add(self, name: str, text: str) -> None:
        """Notes a text as the conversation now shows it.

        Args:
            name: The command or tool call by which it can be found again.
            text: As it is there, whatever was left out of it.
        """
        lines = tuple(_bare(line)[0] for line in text.split("\n"))
        number = len(self._texts)
        self._texts.append(_Text(name, lines))
        telling = 0
        for i, line in enumerate(lines):
            # The newest place: it is the nearest to look up.
            telling = WINDOW if not _is_dull(line) else telling - 1
            first = i - WINDOW + 1
            if telling > 0 and first >= 0:
                self._places[lines[first : i + 1]] = _Place(number, first)

    def run_at(
        self, key: tuple[str, ...], lines: Sequence[str], i: int
    ) -> tuple[str, int] | None:
        """Name of the text that has those lines from ``i`` on, and how many of them;
        ``key`` is the first of them."""
        place = self._places.get(key)
        if place is None:
            return None
        text = self._texts[place.text]
        count = WINDOW
        while (
            i + count < len(lines)
            and place.line + count < len(text.lines)
            and lines[i + count] == text.lines[place.line + count]
        ):
            count += 1
        return text.name, count


@dataclass(frozen=True, slots=True)
class Filtered:
    """A result as it goes into the conversation."""

    text: str
    distilled: bool
    """Whether lines were left out that stand nowhere else in the conversation."""


def arrived(text: str, seen: Seen, *, distil: bool = True) -> Filtered:
    """``text`` without what is in view above it and what is routine; never longer.

    The same text and view give the same result, and a result is its own: whoever
    filters again changes nothing.

    Args:
        text: As the tool gave it.
        seen: What the conversation shows so far; not changed.
        distil: Whether routine may go, of which the whole is to be kept elsewhere.
    """
    shorter = distilled(text) if distil else text
    was_distilled = shorter != text
    # Until nothing changes: a notice may repeat another.
    while len(repeats := without_repeats(shorter, seen)) < len(shorter):
        shorter = repeats
    return Filtered(shorter, was_distilled)


def without_repeats(text: str, seen: Seen) -> str:
    """``text`` without the runs of lines that ``seen``, or it itself further up, shows;
    never longer."""
    raw = text.split("\n")
    pairs = [_bare(line) for line in raw]
    own = _Own([line for line, _ in pairs])
    kept: list[str] = []
    i = 0
    while i < len(raw):
        where, count = _nearest(own, seen, i)
        if count >= LEAST_LINES:
            notice = _notice(where, pairs[i : i + count])
            size = sum(map(len, raw[i : i + count])) + count - 1
            if size - len(notice) >= LEAST_SAVED:
                kept.append(notice)
                i += count
                continue
        kept.append(raw[i])
        own.keep(i)
        i += 1
    return "\n".join(kept)


def _nearest(own: _Own, seen: Seen, i: int) -> tuple[str, int]:
    """Where the lines from ``i`` on are above, and how many of them; 0: nowhere."""
    key = tuple(own.lines[i : i + WINDOW])
    count = own.run_at(key, i)
    run = seen.run_at(key, own.lines, i)
    if run is None or run[1] <= count:
        return "in this result", count
    return f"in `{_cut(run[0], _NAME)}`", run[1]


class _Own:
    """The lines of the text at hand that stay in it."""

    def __init__(self, lines: Sequence[str]) -> None:
        self.lines = lines
        self._stays = bytearray(len(lines))
        self._places: dict[tuple[str, ...], int] = {}
        self._telling = 0
        """Windows from here on that hold the last line which is not dull."""

    def keep(self, i: int) -> None:
        """Line ``i`` stays, so it may be referred to further down."""
        self._stays[i] = True
        self._telling = WINDOW if not _is_dull(self.lines[i]) else self._telling - 1
        first = i - WINDOW + 1
        if self._telling > 0 and first >= 0 and all(self._stays[first:i]):
            self._places[tuple(self.lines[first : i + 1])] = first

    def run_at(self, key: tuple[str, ...], i: int) -> int:
        """How many lines from ``i`` on repeat lines that stay; ``key`` is the first of
        them. They may go on into themselves, as the frames of a recursion do."""
        first = self._places.get(key)
        if first is None:
            return 0
        count = WINDOW
        while (
            i + count < len(self.lines)
            and self.lines[i + count] == self.lines[first + count]
            and (first + count >= i or self._stays[first + count])
        ):
            count += 1
        return count


def _notice(where: str, run: Sequence[tuple[str, int | None]]) -> str:
    told = [line.strip() for line, _ in run if not _is_dull(line)]
    first, last = run[0][1], run[-1][1]
    numbered = first is not None and last is not None
    which = f"lines {first}-{last}" if numbered else f"{len(run)} lines"
    ends = f"{_cut(told[0], _SHOWN)!r} to {_cut(told[-1], _SHOWN)!r}"
    return f"[{which} left out, same as above {where}: {ends}]"


def _bare(line: str) -> tuple[str, int | None]:
    """A line without the number before it, and that number."""
    found = _NUMBERED.match(line)
    if found is None:
        return line.rstrip(), None
    return line[found.end() :].rstrip(), int(found[1])


def _is_dull(line: str) -> bool:
    """Whether a line is blank or has nothing but brackets and the like."""
    return _DULL.fullmatch(line) is not None


def _cut(text: str, most: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 3] + "..."
