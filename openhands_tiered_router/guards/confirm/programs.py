"""Little programs that are passed to commands: sed, awk, find, jq."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from openhands_tiered_router.guards.confirm.options import Arguments
from openhands_tiered_router.guards.confirm.words import Unclear, Word, names


_ADDRESS: Final = r"(?:\d+|\$|/(?:[^/\\\n]|\\[^\n])+/)"
_LINES: Final = rf"(?:{_ADDRESS}(?:,(?:{_ADDRESS}|\+\d+))?)?\s*[pdq=]"
_SUBSTITUTION: Final = (
    r"s(?P<by>[/|,#])(?:(?!(?P=by))[^\\\n]|\\[^\n])*(?P=by)"
    r"(?:(?!(?P=by))[^\\\n]|\\[^\n])*(?P=by)[gIip\d]*"
)
_SED: Final = re.compile(rf"\s*(?:{_SUBSTITUTION}|{_LINES}(?:\s*;\s*{_LINES})*;?)\s*")

_FIELD: Final = r"(?:\$(?:\d+|NF)|N[RF]|FNR|\"[^\"\\$`|<>]*\")"
_COMPARISON: Final = r"N[RF]\s*(?:[<>=!]=|[<>])\s*\d+"
_CONDITION: Final = (
    rf"(?:{_COMPARISON}(?:\s*(?:&&|\|\|)\s*{_COMPARISON})*|/(?:[^/\\\n]|\\[^\n])+/)"
)
_PRINT: Final = rf"\{{\s*print(?:\s+{_FIELD}(?:\s*,?\s*{_FIELD})*)?\s*;?\s*\}}"
_AWK: Final = re.compile(rf"\s*(?:{_CONDITION}\s*(?:{_PRINT})?|{_PRINT})\s*")

_JQ: Final = re.compile(r"[\w.\[\]|,: ()\"'?{}=<>/-]*")
_JQ_NOT: Final = re.compile(r"\b(?:env|input_filename|include|import|modulemeta)\b")

_FIND_TESTS: Final = names(
    "-name -iname -path -ipath -wholename -type -size -mtime -mmin -maxdepth -mindepth"
    " -regex -iregex -perm -user -group"
)
_FIND_ALONE: Final = names(
    "-print -print0 -ls -prune -empty -not -a -o -and -or ! ( ) -true -xdev -mount"
    " -readable -executable -writable"
)


def sed_only_prints(arguments: Arguments) -> bool:
    """No ``w``, ``r``, ``e``: what a script of addresses and ``s`` can do is print."""
    return all(_SED.fullmatch(text.text) for text in arguments.texts)


def awk_only_prints(arguments: Arguments) -> bool:
    """Conditions on lines and ``print`` of fields; no pipe, redirection or function."""
    return all(_AWK.fullmatch(text.text) for text in arguments.texts)


def jq_only_selects(arguments: Arguments) -> bool:
    """No ``env``, no modules."""
    return all(
        _JQ.fullmatch(text.text) and not _JQ_NOT.search(text.text)
        for text in arguments.texts
    )


def find_paths(words: Sequence[Word]) -> tuple[Word, ...]:
    """Where a ``find`` that only prints starts.

    Raises:
        Unclear: It may delete, execute or write, or is not known not to.
    """
    rest = list(words)
    paths: list[Word] = []
    while rest and rest[0].text[:1] not in ("-", "(", "!"):
        path = rest.pop(0)
        if path.glob and path.text[0] in "*?[":
            raise Unclear("a pattern that may become an option")
        paths.append(path)
    while rest:
        word = rest.pop(0)
        if word.glob or word.expands:
            raise Unclear("a pattern that the shell expands")
        if word.text in _FIND_TESTS and rest and not rest[0].glob:
            rest.pop(0)
        elif word.text == "-newer" and rest:
            paths.append(rest.pop(0))
        elif word.text not in _FIND_ALONE:
            raise Unclear(f"{word.text[:20]} of find")
    return tuple(paths)


_FILE_TESTS: Final = names("-e -f -d -r -w -x -s -L -h")
_TEXT_TESTS: Final = names("-n -z")


def test_paths(words: Sequence[Word]) -> tuple[Word, ...]:
    """The path that a ``test`` with one simple operator looks at.

    Anything longer may evaluate an array's index, which runs commands.

    Raises:
        Unclear: It is longer.
    """
    words = words[1:] if words and words[0].text == "!" else words
    if len(words) == 2 and not words[1].glob and not words[1].expands:
        if words[0].text in _FILE_TESTS:
            return (words[1],)
        if words[0].text in _TEXT_TESTS:
            return ()
    raise Unclear("a test of more than one file")
