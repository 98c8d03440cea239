"""The level of a command: low by the grammar, high by a guess, else medium."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Final

from openhands_tiered_router.guards.confirm.paths import (
    Place,
    Places,
    is_secret,
    place_of_edit,
)
from openhands_tiered_router.guards.confirm.shell import check_line, split
from openhands_tiered_router.guards.confirm.verdict import (
    Level,
    Unclear,
    Verdict,
    names,
)


_MOVERS: Final = names("cd pushd popd source eval exec builtin command")
_PIECES: Final = re.compile(r"[\s'\"=:@,;|&<>()\\]+")
_PROSE: Final = re.compile(r"'[^']* [^']*'|\"[^\"]* [^\"]*\"")
_OUTPUT: Final = re.compile(r"(?<![<-])(?:>>|>\||&>>?|>&|>)\s*([^\s;|&<>()]+)")


def judge_command(
    command: str, places: Places, trusted: Sequence[tuple[str, ...]] = ()
) -> Verdict:
    """What a command line for bash may do.

    Args:
        command: As the terminal tool gets it.
        places: Where it runs, and what it may read.
        trusted: Beginnings of commands that the user trusts, word by word:
            ``("pytest",)``, ``("npm", "test")``.

    Returns:
        ``LOW`` if each of its commands surely only reads inside the workspace, or is
        trusted; ``HIGH`` if it seems to name a secret file or to write outside the
        workspace; else ``MEDIUM``.
    """
    try:
        if os.name != "posix":
            raise Unclear("another shell than bash")
        check_line(command, places, trusted)
    except Unclear as error:
        danger = _danger(command, places)
        return danger or Verdict(Level.MEDIUM, f"not known to only read: {error}")
    return Verdict(Level.LOW, "only reads")


def may_move(command: str) -> bool:
    """Whether a line that runs may leave the shell in another directory."""
    try:
        return any(words and words[0] in _MOVERS for words, _ in split(command))
    except Unclear:
        return True


def first_words(command: str) -> tuple[str, ...] | None:
    """The words of a simple command; ``None`` if it is anything else."""
    try:
        (((words, joined)),) = split(command)
    except (Unclear, ValueError):
        return None
    plain = not joined and words and not any(w.glob or w.number for w in words)
    return tuple(map(str, words)) if plain else None


def _danger(command: str, places: Places) -> Verdict | None:
    """What makes a line worse than unknown. A guess: it asks either way."""
    pieces = _PIECES.split(_PROSE.sub(" ", command))
    if any(is_secret(piece) for piece in pieces):
        return Verdict(Level.HIGH, "names a file that holds secrets")
    for target in _OUTPUT.findall(command):
        path = target.strip("'\"")
        inside = path == "/dev/null" or path.isdigit()
        if not inside and place_of_edit(path, places) is not Place.INSIDE:
            return Verdict(Level.HIGH, "writes outside the workspace")
    return None
