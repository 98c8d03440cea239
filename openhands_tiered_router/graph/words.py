"""Text to terms: identifiers whole and in parts, prose words by their stems.

``parseURLList`` gives ``pars``, ``url``, ``list`` and the whole name
``=parseurllist``; a whole name is rare, so it counts for more than its parts.
"""

import re
from collections.abc import Iterable
from itertools import chain
from typing import Final


_WORD = re.compile(r"\w+")
_PART = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+|[^\W\d_a-zA-Z]+")

_STOP: Final = """
about above after again all also am an and any are as at be because been
before being below between both but by can cannot cls com could def did do
does doing don down during each en false few for from further github had has
have having he her here him his how html http https if import in into is isn
it its itself just let like me more most my no none nor not now of off on
once only or org other our out over own return same self she should so some
such than that the their them then there these they this those through to
too true under until up use used using very was we were what when where
which while who why will with would www you your
"""
STOP_WORDS: Final = frozenset(_STOP.split())
"""English function words, and what every file of code and every link holds."""

KEPT: Final = 65_536
"""Words whose terms are remembered, about 15 MB."""

_SUFFIXES: Final = ("ing", "ed", "er", "or", "ion", "e")


def words(text: str) -> list[str]:
    """Return the identifiers, words and numbers of a text, in order."""
    return _WORD.findall(text)


def terms_of(found: Iterable[str]) -> list[str]:
    """Return the terms of several words, with repetitions."""
    return list(chain.from_iterable(map(TERMS.__getitem__, found)))


def terms(word: str) -> tuple[str, ...]:
    """Return the terms of one word: the stems of its parts, then ``=whole``.

    A number has none.
    """
    if word.isdecimal():
        return ()
    parts = [part.lower() for part in _PART.findall(word)]
    stems = [_stem(p) for p in parts if len(p) > 1 and p not in STOP_WORDS]
    if len(parts) > 1 or (parts and len(parts[0]) > 2 and stems):
        stems.append("=" + word.lower().strip("_"))
    return tuple(stems)


class _Terms(dict[str, tuple[str, ...]]):
    """The terms of words, each found once; `lru_cache` takes twice as long to ask."""

    def __missing__(self, word: str) -> tuple[str, ...]:
        if len(self) >= KEPT:
            self.clear()
        found = self[word] = terms(word)
        return found


TERMS: Final = _Terms()
"""`terms` by word, remembered."""


def _stem(part: str) -> str:
    """Cut plural and verb endings so that `aliases`, `aliasing`, `alias` meet."""
    if len(part) > 4 and part.endswith("ies"):
        part = part[:-3] + "y"
    elif len(part) > 3 and part.endswith("s") and not part.endswith("ss"):
        part = part[:-1]
    for suffix in _SUFFIXES:
        if part.endswith(suffix) and len(part) - len(suffix) >= 4:
            return part[: -len(suffix)]
    return part
