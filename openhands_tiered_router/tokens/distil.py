"""Shortening what programs print about routine: progress, passes, packages.

Only lines of known forms go, in runs, and the notice says how many and of what form.
A line that could tell of an error stays, whatever its form; no verdict is stated.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import groupby
from typing import Final


LEAST_RUN: Final = 4
"""Lines of one form in a row from which the middle ones are left out."""

ERROR: Final = re.compile(
    r"error|fail|fatal|exception|traceback|warn|panic|abort|denied|refused|not found"
    r"|cannot|can't|could not|couldn't|unable|invalid|missing|conflict|killed"
    r"|segmentation|undefined|assert|xpass|timed? ?out|no such",
    re.IGNORECASE,
)
"""What a line that tells of trouble has in it; such a line is never left out."""

_FORMS: Final = {
    "passed tests": re.compile(
        r"\S.* PASSED(?: +\[ *\d+%\])?|.* \.\.\. ok|--- PASS: .*|\s*[✓✔] .*"
        r"|test \S+ \.\.\. ok|ok {2,}\S+.*"
    ),
    "packages": re.compile(
        r"\s*(?:Requirement already satisfied|Collecting|Downloading|Using cached"
        r"|Obtaining|Preparing|Installing (?:build|backend|collected)|Getting require"
        r"|Checking if build|Building (?:wheel|editable)|Created wheel"
        r"|Stored in dir|Found existing|Uninstalling|Attempting uninst|Successfully uni"
        r"|Running setup\.py|Running command|Created temp)\b.*"
        r"|\s*[━╸╺ ]+ ?[\d.]+/[\d.]+ .*"
        r"|(?:Get|Hit|Ign):\d+ .*|Selecting previously .*|Preparing to unpack .*"
        r"|Unpacking .*|Setting up .*|Processing triggers .*|npm (?:http|timing) .*"
    ),
    "progress": re.compile(
        r"(?:remote: )?(?:Counting|Compressing|Receiving|Resolving|Unpacking|Writing"
        r"|Enumerating|Updating) (?:objects|deltas|files).*"
        r"|\s*(?:Applying|Creating table|Running deferred) \S+.*|\.+(?: +\[ *\d+%\])?"
        r"|(?:copying|creating|adding|writing|reading|byte-compiling|running) \S+.*"
        r"|x86_64-linux-gnu-gcc .*|(?:gcc|g\+\+|cc|clang) -.*"
    ),
}
_SATISFIED: Final = re.compile(r"Requirement already satisfied: ([\w.\-]+)")
_ANSI: Final = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_MATCH: Final = re.compile(r"(?P<path>[^\s:]*[\w)])(?P<mark>[:\-])\d+(?P=mark).*")


def distilled(text: str) -> str:
    """``text`` without routine; never longer, and its own distillate."""
    for step in _STEPS:
        shorter = step(text)
        if len(shorter) < len(text):
            text = shorter
    return text


def _plain(text: str) -> str:
    """Without colours, and of a line drawn again and again the last state."""
    text = _ANSI.sub("", text) if "\x1b" in text else text
    if "\r" not in text:
        return text
    lines = text.replace("\r\n", "\n").split("\n")
    return "\n".join(_last_state(line) for line in lines)


def _last_state(line: str) -> str:
    states = [state for state in line.split("\r") if state.strip()]
    told = [s for s in states[:-1] if ERROR.search(s)]
    return "\n".join([*told, *states[-1:]])


def _without_routine(text: str) -> str:
    kept: list[str] = []
    for form, group in groupby(text.split("\n"), _form):
        run = list(group)
        if form is None or len(run) < LEAST_RUN:
            kept += run
            continue
        notice = _notice(form, run[1:-1])
        if len(notice) >= sum(map(len, run[1:-1])) + len(run) - 3:
            kept += run
            continue
        kept += [run[0], notice, run[-1]]
    return "\n".join(kept)


def _notice(form: str, run: list[str]) -> str:
    """What was left out, by the lines' first words; packages by their names, which
    later commands may need."""
    names = [found[1] for line in run if (found := _SATISFIED.match(line))]
    if names:
        return f"[{len(run)} lines left out, satisfied too: {' '.join(names)}]"
    words = dict.fromkeys(line.split()[0] for line in run)
    told = ", ".join(word for word in words if word.isalpha())
    return f"[{len(run)} lines left out: {form}{told and f' ({told})'}]"


def _form(line: str) -> str | None:
    for name, form in _FORMS.items():
        if form.fullmatch(line):
            return None if ERROR.search(line) else name
    return None


def _grouped(text: str) -> str:
    """Matches of a search with each file's name once, on a line of its own."""
    kept: list[str] = []
    for path, group in groupby(text.split("\n"), _path):
        run = list(group)
        if path is None or len(run) < 2 or not ("/" in path or "." in path):
            kept += run
            continue
        kept.append(f"{path}:")
        kept += [line[len(path) + 1 :] for line in run]
    return "\n".join(kept)


def _path(line: str) -> str | None:
    found = _MATCH.match(line)
    return found["path"] if found else None


_STEPS: Final[tuple[Callable[[str], str], ...]] = (_plain, _without_routine, _grouped)
