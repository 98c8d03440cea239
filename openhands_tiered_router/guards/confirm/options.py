"""The options with which a command only reads, and a strict reading of its words."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from openhands_tiered_router.guards.confirm.words import Unclear, Word


ALL: Final = 1_000_000
_NUMBER: Final = re.compile(r"-\d+")


@dataclass(frozen=True, slots=True)
class Arguments:
    """A command's words, told apart."""

    options: tuple[str, ...]
    """``-n`` or ``--lines``, in the order given."""
    texts: tuple[Word, ...]
    """Positional words that are not paths."""
    paths: tuple[Word, ...]
    """Positional words and values of options that are."""


class _Values(NamedTuple):
    """What options were given, where it matters."""

    texts: list[Word]
    paths: list[Word]


@dataclass(frozen=True, slots=True)
class Reads:
    """How a command may be called to do nothing but read and print.

    What is not listed is not known, and what is not known is not safe.
    """

    options: frozenset[str] = frozenset()
    values: frozenset[str] = frozenset()
    """Options that take a value."""
    path_values: frozenset[str] = frozenset()
    """Options whose value is a path."""
    optional: frozenset[str] = frozenset()
    """Long options that may have a value, after ``=`` only."""
    number: bool = False
    """``-20`` is an option."""
    texts: int = 0
    """Leading positional words that are no paths: a pattern, a program."""
    texts_given_by: frozenset[str] = frozenset()
    """Options that give that text, so that every positional word is a path."""
    most: int = ALL
    """Positional words at most: a second one is where ``uniq`` writes to."""
    least: int = 0
    any_glob: bool = False
    """Every option there is only reads: a file named like one does no harm."""
    shows_variables: bool = False
    only_prints: bool = False
    """Whatever it is given is printed: there is no option that does anything else."""
    check: Callable[[Arguments], bool] = field(default=lambda _: True)
    """Judges the rest: a program for sed, a date's format."""

    def read(self, words: Sequence[Word]) -> Arguments:
        """Tells the words after the command's name apart.

        Raises:
            Unclear: One of them is not known to be harmless.
        """
        options: list[str] = []
        found = _Values([], [])
        positional: list[Word] = []
        rest = list(words)
        ended = False
        while rest:
            word = rest.pop(0)
            if word.expands and not self.shows_variables:
                raise Unclear("the value of a variable")
            plain = self.only_prints or not word.text.startswith("-")
            if ended or plain or word.text == "-":
                self._check_glob(word, ended)
                positional.append(word)
            elif word.text == "--":
                ended = True
            elif word.glob and not self._stays_one_option(word.text):
                raise Unclear("a pattern that may become an option")
            else:
                options += self._option(word.text, rest, found)
        return self._told_apart(options, positional, found)

    def _stays_one_option(self, text: str) -> bool:
        """``--include=*.py`` can only become the same option, other files."""
        name, _, _ = text.partition("=")
        return name in self.values - self.path_values

    def _check_glob(self, word: Word, ended: bool) -> None:
        if not word.glob:
            return
        if self.most < ALL:
            raise Unclear("a pattern that may become several words")
        if word.text[0] in "*?[" and not (ended or self.any_glob):
            raise Unclear("a pattern that may become an option")

    def _told_apart(
        self, options: list[str], positional: list[Word], found: _Values
    ) -> Arguments:
        if not self.least <= len(positional) <= self.most:
            raise Unclear("its number of arguments")
        leading = 0 if self.texts_given_by & set(options) else self.texts
        texts = (*found.texts, *positional[:leading])
        if not self.any_glob and any(text.glob for text in texts):
            raise Unclear("a pattern that the shell expands")
        arguments = Arguments(
            tuple(options), texts, (*positional[leading:], *found.paths)
        )
        if not self.check(arguments):
            raise Unclear("its arguments")
        return arguments

    def _option(self, text: str, rest: list[Word], into: _Values) -> list[str]:
        if self.number and _NUMBER.fullmatch(text):
            return []
        if text.startswith("--"):
            return [self._long(text, rest, into)]
        found = []
        for at, letter in enumerate(text[1:], 2):
            name = f"-{letter}"
            found.append(name)
            if name in self.options:
                continue
            if name not in self.values:
                raise Unclear(f"option {name}")
            self._value(name, text[at:] or None, rest, into)
            break
        return found

    def _long(self, text: str, rest: list[Word], into: _Values) -> str:
        name, equals, value = text.partition("=")
        if name in self.values:
            self._value(name, value if equals else None, rest, into)
        elif name not in (self.optional if equals else self.options | self.optional):
            raise Unclear(f"option {name}")
        return name

    def _value(
        self, name: str, value: str | None, rest: list[Word], into: _Values
    ) -> None:
        if value is not None:
            word = Word(value)
        elif rest:
            word = rest.pop(0)
        else:
            raise Unclear(f"option {name} without a value")
        if word.glob or (word.expands and not self.shows_variables):
            raise Unclear(f"the value of option {name}")
        if name in self.path_values:
            into.paths.append(word)
        elif name in self.texts_given_by:
            into.texts.append(word)


def reads(options: str = "", **fields: Any) -> Reads:
    """``Reads`` from a short notation.

    ``abc`` are three flags; ``n:`` takes a value, ``f@`` one that is a path;
    ``--long``, ``--long:``, ``--long@`` alike; ``--long?`` may have one after ``=``.
    """
    flags: set[str] = set()
    kinds: dict[str, set[str]] = {":": set(), "@": set(), "?": set()}
    for token in options.split():
        name, kind = (token[:-1], token[-1]) if token[-1] in kinds else (token, "")
        names = [name] if name.startswith("--") else [f"-{c}" for c in name]
        (kinds[kind] if kind else flags).update(names)
    return Reads(
        options=frozenset(flags),
        values=frozenset(kinds[":"] | kinds["@"]),
        path_values=frozenset(kinds["@"]),
        optional=frozenset(kinds["?"]),
        **fields,
    )
