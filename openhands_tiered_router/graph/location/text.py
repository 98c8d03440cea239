"""What a piece of text asks for: weighted terms, and the places it names."""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from math import log1p
from typing import Final

from openhands_tiered_router.graph.words import terms_of, words


LIMIT: Final = 20_000
"""Characters that are read: the first three quarters, and the last quarter."""

TITLE: Final = 2.0
"""Factor for terms of the first line."""

INLINE: Final = 2.0
"""Extra occurrences that one in `inline code` counts for: it was picked out."""

BLOCK: Final = 0.8
"""What an occurrence in a code block counts: examples hold much besides."""

_BLOCK = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_INLINE = re.compile(r"`([^`\n]+)`")
_PLACE = re.compile(r"[\w./\\\-]+(?:::\w+)*")


@dataclass(frozen=True, slots=True)
class Query:
    """A text, made ready for an index."""

    terms: Mapping[str, float]
    """Term to weight, above 0."""
    places: tuple[str, ...]
    """What may be a path or a dotted name, in order: ``a/b.py``, ``a.b.C``."""


def parse(text: str) -> Query:
    """Read a request, an issue or an error message; O(characters)."""
    if len(text) > LIMIT:
        text = text[: 3 * LIMIT // 4] + "\n" + text[-LIMIT // 4 :]
    title = frozenset(terms_of(words(text.lstrip().partition("\n")[0])))
    weights: dict[str, float] = defaultdict(float)
    for term, count in _counts(text).items():
        weights[term] += count
    for block in _BLOCK.findall(text):
        for term, count in _counts(block).items():
            weights[term] -= (1 - BLOCK) * count
    for span in _INLINE.findall(_BLOCK.sub("\n", text)):
        for term in terms_of(words(span)):
            weights[term] += INLINE
    terms = {
        term: log1p(weight) * (TITLE if term in title else 1.0)
        for term, weight in weights.items()
    }
    return Query(terms, _places(text))


def _counts(text: str) -> Counter[str]:
    return Counter(terms_of(words(text)))


def _places(text: str) -> tuple[str, ...]:
    """Return the distinct words with a dot, a slash or a ``::`` inside them."""
    found: dict[str, None] = {}
    for chunk in _PLACE.findall(text):
        place = chunk.strip("./\\-")
        if "." in place or "/" in place or "\\" in place or "::" in place:
            found[place.replace("\\", "/")] = None
    return tuple(found)
