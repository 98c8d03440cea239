"""Whether a shell line surely only reads: a positive grammar, not an understanding.

    line     := pipeline (("&&" | "||" | ";") pipeline)*
    pipeline := command ("|" command)*
    command  := program word* ("2>/dev/null" | "2>&1" | ">/dev/null" | "&>/dev/null")*

A word is made of plain characters, of globs (``*``, ``?``), and of text in quotes.
``programs`` says which programs with which options and how many words only read, with
``repository`` for git; ``paths`` says which files may be read. What is not derived from
these four modules asks somebody: any expansion, substitution, assignment, other
redirection, comment, line end, and any character beyond printable ASCII.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from openhands_tiered_router.guards.confirm.paths import Place, Places, Word
from openhands_tiered_router.guards.confirm.programs import read_paths
from openhands_tiered_router.guards.confirm.verdict import Unclear


LONGEST: Final = 2_000
"""Characters beyond which a person would not read a line at a glance."""

# `~` and `^` are plain behind a name only, as in HEAD~1 and main^; braces only as in
# stash@{0}. A backslash is plain in quotes only, where it escapes nothing. `++` never
# goes back, so that time stays proportional to the length.
_PIECE: Final = (
    r"[A-Za-z0-9_./,:+%@=-]++|(?<=[A-Za-z0-9@^])[~^]|(?<=@)\{[a-z0-9-]{1,12}\}|[*?]"
    r"|'[^']*'|\"(?:[^\"$`\\!]|\\[^\"$`\\!]|\$(?=\")|\$\?)*\""
)
_TOKEN: Final = re.compile(
    r" +|(?:[12&]?> ?/dev/null|2>&1)(?=[ ;|]|$)|(?P<join>&&|\|\||[;|])"
    rf"|(?P<word>(?:\[|\]|!|\$\?|\\\(|\\\))(?=[ ;]|$)|(?:{_PIECE})++(?=[ ;|&]|$))"
)


def check_line(
    line: str, places: Places, trusted: Sequence[tuple[str, ...]] = ()
) -> None:
    """Check that each command of a line surely only reads, or is trusted.

    Raises:
        Unclear: The grammar does not derive the line.
    """
    commands = list(split(line))
    joins = ["", *(joined for _, joined in commands)]
    moves = any(words and words[0] == "cd" for words, _ in commands)
    if moves and not set(joins) <= {"", "&&", "|"}:
        # After `cd x; cat y` it is not known where y is: the first may have failed.
        raise Unclear("cd beside other joins than &&")
    for (words, after), before in zip(commands, joins, strict=False):
        if not words or words[0].glob or words[0].quoted:
            raise Unclear("a command without a plain name")
        if any(tuple(words[: len(begin)]) == begin for begin in trusted):
            continue
        paths = read_paths(words, places)
        for word in paths:
            _check_path(word, places)
        if words[0] == "cd":
            if "|" in (before, after):
                raise Unclear("cd in a pipeline")
            places = _moved(places, paths[0])


def _check_path(word: Word, places: Places) -> None:
    for path in places.expanded(word):
        if word.glob and path.startswith("-"):
            raise Unclear("a glob that becomes an option")
        place = places.read(path, glob=word.glob)
        if place is not Place.INSIDE:
            raise Unclear(f"a path {place}")


def _moved(places: Places, path: str) -> Places:
    """After ``cd path &&``. A directory reached by a link has two parents for bash."""
    there = os.path.join(places.here, path)
    if path == "-" or os.path.realpath(there) != os.path.normpath(there):
        raise Unclear("cd through a link, or back")
    return replace(places, cwd=os.path.normpath(there))


def split(line: str) -> Iterator[tuple[list[Word], str]]:
    """The words of each command, and what joins it to the next; "" at the end."""
    if len(line) > LONGEST:
        raise Unclear(f"longer than {LONGEST} characters")
    if not re.fullmatch("[ -~]+", line):
        raise Unclear("a character beyond printable ASCII")
    words: list[Word] = []
    at = 0
    while at < len(line):
        token = _TOKEN.match(line, at)
        if token is None or (token["word"] and not words and token[0] in ("!", "]")):
            raise Unclear(f"{line[at]!r}")
        if token["join"]:
            yield words, token["join"]
            words = []
        elif token["word"]:
            words.append(_word(token["word"]))
        at = token.end()
    if words or not line.rstrip().endswith(";"):
        yield words, ""


def _word(spelled: str) -> Word:
    alone = spelled in ("[", "]", "!", "$?", "\\(", "\\)")
    pieces = [spelled.lstrip("\\")] if alone else re.findall(_PIECE, spelled)
    word = Word("".join(p[1:-1] if p[0] in "'\"" else p for p in pieces))
    word.glob = any(piece in ("*", "?") for piece in pieces)
    word.quoted = any(piece[0] in "'\"" for piece in pieces)
    word.number = any("$?" in piece and piece[0] != "'" for piece in pieces)
    if word.glob and word.quoted:
        raise Unclear("a glob beside quotes")
    return word
