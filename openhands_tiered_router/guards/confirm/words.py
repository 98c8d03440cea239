"""One word of a shell command, read without running a shell.

tree-sitter says where a word begins and ends; what it means is read here a second time,
so that a word counts as known only if both readings agree.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final


def names(text: str) -> frozenset[str]:
    """A set of names written as one text."""
    return frozenset(text.split())


class Unclear(Exception):
    """What a command does cannot be told by reading it; the text says why."""


@dataclass(frozen=True, slots=True)
class Word:
    """What bash passes to a command, quotes taken away."""

    text: str
    glob: bool = False
    """An unquoted ``*``, ``?`` or ``[``: bash may replace it by names of files."""
    expands: bool = False
    """A harmless variable stands in it, such as ``$?``; the text has ``?`` there."""


HARMLESS_VARIABLES: Final = frozenset(
    {"?", "PWD", "OLDPWD", "HOME", "USER", "PATH", "SHELL", "LANG", "VIRTUAL_ENV"}
)
"""Hold no secret by their meaning. Any other may be a key: ``echo $OPENAI_API_KEY``."""

_VARIABLE: Final = re.compile(r"\$(?:(\?)|([A-Za-z_]\w*)|\{([A-Za-z_]\w*)\})")
_PLAIN: Final = re.compile(r"[A-Za-z0-9_./,:=+%@^-]+")
_ESCAPED_IN_DOUBLE: Final = '$`"\\'


def read_word(source: str) -> Word:
    """The word that ``source``, a whole word of a command line, stands for.

    Raises:
        Unclear: It holds something that only a shell can resolve.
    """
    if _PLAIN.fullmatch(source):
        return Word(source)
    reader = _Reader(source)
    reader.read()
    return reader.word()


class _Reader:
    def __init__(self, source: str) -> None:
        self.source = source
        self.at = 0
        self.text: list[str] = []
        self.bare: list[str] = []
        self.expands = False

    def word(self) -> Word:
        bare = "".join(self.bare)
        if "{" in bare and ("," in bare or ".." in bare):
            raise Unclear("braces make several words")
        if bare.startswith(("~", "#")) or "=~" in bare or ":~" in bare:
            raise Unclear("a home directory")
        if "!" in bare and bare not in {"!", "!="}:
            raise Unclear("the shell's history")
        glob = any(c in bare for c in "*?[")
        return Word("".join(self.text), glob, self.expands)

    def read(self) -> None:
        while self.at < len(self.source):
            char = self.source[self.at]
            if char == "'":
                self._single()
            elif char == '"':
                self._double()
            elif char == "\\":
                self._escape()
            elif char == "$":
                self._variable()
            elif char in "`<>|&;()" or not "!" <= char <= "~":
                raise Unclear(f"{char!r} outside of quotes")
            else:
                self.text.append(char)
                self.bare.append(char)
                self.at += 1

    def _single(self) -> None:
        end = self.source.find("'", self.at + 1)
        if end < 0:
            raise Unclear("a quote without end")
        self._add(self.source[self.at + 1 : end])
        self.at = end + 1

    def _double(self) -> None:
        self.at += 1
        while self.at < len(self.source):
            char = self.source[self.at]
            following = self.source[self.at + 1 : self.at + 2]
            if char == '"':
                self.at += 1
                self._add("")
                return
            if char == "\\" and following == "\n":
                raise Unclear("a line that goes on within quotes")
            if char == "`" or (char == "!" and following not in (" ", "=")):
                raise Unclear(f"{char!r} within double quotes")
            if char == "$":
                self._variable()
            elif char == "\\" and following and following in _ESCAPED_IN_DOUBLE:
                self._add(following)
                self.at += 2
            else:
                self._add(char)
                self.at += 1
        raise Unclear("a quote without end")

    def _escape(self) -> None:
        escaped = self.source[self.at + 1 : self.at + 2]
        # OpenHands' terminal doubles the backslash before these, not always rightly.
        if not escaped or escaped in ";&|<>" or not " " <= escaped <= "~":
            raise Unclear("a backslash that may not reach the shell as it is")
        self._add(escaped)
        self.at += 2

    def _variable(self) -> None:
        found = _VARIABLE.match(self.source, self.at)
        if found is None:
            # In double quotes, "$" before a quote or a blank is itself.
            raise Unclear("a substitution")
        name = next(group for group in found.groups() if group)
        if name not in HARMLESS_VARIABLES:
            raise Unclear("the value of a variable")
        self.expands = True
        self._add("?")
        self.at = found.end()

    def _add(self, text: str) -> None:
        """Quoted text: no glob, no brace; a mark keeps it from standing first."""
        if not text.replace("\n", "").isprintable():
            raise Unclear("a character that cannot be seen")
        self.text.append(text)
        self.bare.append("\0")
