"""Whether a shell line surely only reads: a positive grammar, not an understanding.

    line     := pipeline (("&&" | "||" | ";") pipeline)*
    pipeline := command ("|" command)*
    command  := program word* ("2>/dev/null" | "2>&1" | ">/dev/null")*

A word is made of plain characters, of globs (``*``, ``?``), and of text in quotes.
``programs`` says which programs with which options and how many words only read;
``paths`` says which files may be read. What is not derived from this asks somebody: any
expansion, substitution, assignment, other redirection, comment, line end, and any
character beyond printable ASCII. Nothing here guesses what bash would make of it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from openhands_tiered_router.guards.confirm.paths import Place, Places, is_secret
from openhands_tiered_router.guards.confirm.programs import Word, read_paths
from openhands_tiered_router.guards.confirm.verdict import (
    Level,
    Unclear,
    Verdict,
    names,
)


LONGEST: Final = 2_000
"""Characters beyond which a person would not read a line at a glance."""

_ALPHABET: Final = re.compile(r"[ -~]+")
_JOIN: Final = re.compile(r"&&|\|\||[;|]")
_SILENCED: Final = re.compile(r"(?:[12&]?> ?/dev/null|2>&1)(?=[ ;|]|$)")
# `~` and `^` are plain behind a name only, as in HEAD~1 and main^; braces only as in
# stash@{0}. A backslash is plain in quotes only, where it escapes nothing.
_PLAIN: Final = re.compile(
    r"[A-Za-z0-9_./,:+%@=-]+|(?<=[A-Za-z0-9@^])[~^]|(?<=@)\{[a-z0-9-]{1,12}\}"
)
_SINGLE: Final = re.compile(r"'([^']*)'")
_DOUBLE: Final = re.compile(r'"((?:[^"$`\\!]|\\[^"$`\\!]|\$(?=")|\$\?)*)"')
_ALONE: Final = re.compile(r"(?:\[|\]|!|\$\?|\\\(|\\\)|\{\})(?=[ ;]|$)")
"""Words of their own: of ``test``, of ``find``, and the last exit code."""
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
        _judge_line(command, places, trusted)
    except Unclear as error:
        danger = _danger(command, places)
        return danger or Verdict(Level.MEDIUM, f"not known to only read: {error}")
    return Verdict(Level.LOW, "only reads")


def may_move(command: str) -> bool:
    """Whether a line that runs may leave the shell in another directory."""
    try:
        names = {words[0].text for words, _ in _commands(command) if words}
    except Unclear:
        return True
    return bool(names & _MOVERS)


def first_words(command: str) -> tuple[str, ...] | None:
    """The words of a simple command; ``None`` if it is anything else."""
    try:
        (((words, joined)),) = _commands(command)
    except (Unclear, ValueError):
        return None
    plain = not joined and words and not any(w.glob or w.number for w in words)
    return tuple(w.text for w in words) if plain else None


def _judge_line(
    command: str, places: Places, trusted: Sequence[tuple[str, ...]]
) -> None:
    commands = list(_commands(command))
    joins = ["", *(joined for _, joined in commands)]
    moves = any(words and words[0].text == "cd" for words, _ in commands)
    if moves and not set(joins) <= {"", "&&", "|"}:
        # After `cd x; cat y` it is not known where y is: the first may have failed.
        raise Unclear("cd beside other joins than &&")
    for (words, after), before in zip(commands, joins, strict=False):
        if not words or words[0].glob or words[0].quoted:
            raise Unclear("a command without a plain name")
        texts = tuple(word.text for word in words)
        if any(texts[: len(t)] == t for t in trusted):
            continue
        paths = read_paths(words, places)
        for word in paths:
            _check(word, places)
        if words[0].text == "cd":
            if "|" in (before, after):
                raise Unclear("cd in a pipeline")
            places = _moved(places, paths[0].text)


def _check(word: Word, places: Places) -> None:
    for path in places.expanded(word.text) if word.glob else [word.text]:
        if word.glob and path.startswith("-"):
            raise Unclear("a glob that becomes an option")
        place = places.read(path, glob=word.glob)
        if place is not Place.INSIDE:
            raise Unclear(f"a path {place}")


def _moved(places: Places, path: str) -> Places:
    """After ``cd path &&``. A directory reached by a link has two parents for bash."""
    there = os.path.join(places.here, path)
    if os.path.realpath(there) != os.path.normpath(there):
        raise Unclear("cd through a link")
    return replace(places, cwd=os.path.normpath(there))


def _commands(line: str) -> Iterator[tuple[list[Word], str]]:
    """The words of each command, and what joins it to the next; "" at the end."""
    if len(line) > LONGEST:
        raise Unclear(f"longer than {LONGEST} characters")
    if not _ALPHABET.fullmatch(line):
        raise Unclear("a character beyond printable ASCII")
    words: list[Word] = []
    at = 0
    while at < len(line):
        if line[at] == " ":
            at += 1
        elif silenced := _SILENCED.match(line, at):
            at = silenced.end()
        elif join := _JOIN.match(line, at):
            yield words, join[0]
            words, at = [], join.end()
        elif words or line[at].isalnum() or line[at] == "[":
            word, at = _word(line, at)
            words.append(word)
        else:
            raise Unclear(f"{line[at]!r} before a command")
        if at < len(line) and line[at - 1] not in " ;|&" and line[at] not in " ;|&":
            raise Unclear("words that touch")
    if words or not line.rstrip().endswith(";"):
        yield words, ""


def _word(line: str, at: int) -> tuple[Word, int]:
    """The word that begins here, and where it ends."""
    if alone := _ALONE.match(line, at):
        text = alone[0].removeprefix("\\")
        number = text == "$?"
        return Word(text, quoted=text != "[", number=number), alone.end()
    text, glob, quoted, number, begin = "", False, False, False, at
    while at < len(line):
        if found := _PLAIN.match(line, at):
            text += found[0]
        elif found := (_SINGLE.match(line, at) or _DOUBLE.match(line, at)):
            number = number or (found[0][0] == '"' and "$?" in found[1])
            text, quoted = text + found[1], True
        elif line[at] in "*?":
            text, glob, found = text + line[at], True, re.compile(".").match(line, at)
        else:
            break
        assert found is not None
        at = found.end()
    if at == begin or (at < len(line) and line[at] not in " ;|&"):
        raise Unclear(f"{line[at]!r}")
    if glob and quoted:
        raise Unclear("a glob beside quotes")
    return Word(text, glob, quoted, number), at


def _danger(command: str, places: Places) -> Verdict | None:
    """What makes a line worse than unknown. A guess: it asks either way."""
    pieces = _PIECES.split(_PROSE.sub(" ", command))
    if any(is_secret(piece) for piece in pieces):
        return Verdict(Level.HIGH, "names a file that holds secrets")
    for target in _OUTPUT.findall(command):
        path = target.strip("'\"")
        inside = path == "/dev/null" or path.isdigit()
        if not inside and places.write(path) is not Place.INSIDE:
            return Verdict(Level.HIGH, "writes outside the workspace")
    return None
