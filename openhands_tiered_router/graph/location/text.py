"""What a piece of text asks for: weighted terms, and the places it names."""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from math import log1p
from typing import Final

from openhands_tiered_router.graph.words import TERMS, terms_of, words


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
    counts: dict[str, float] = Counter(words(text))  # pyright: ignore[reportAssignmentType]
    if "`" in text:
        for word in words("\n".join(_BLOCK.findall(text))):
            counts[word] -= 1 - BLOCK
        for word in words("\n".join(_INLINE.findall(_BLOCK.sub("\n", text)))):
            counts[word] += INLINE
    weights: dict[str, float] = defaultdict(float)
    known = TERMS
    for word, weight in counts.items():
        for term in known[word]:
            weights[term] += weight
    weighted = {term: log1p(weight) for term, weight in weights.items()}
    for term in title & weighted.keys():
        weighted[term] *= TITLE
    return Query(weighted, _places(text))


def _places(text: str) -> tuple[str, ...]:
    """Return the distinct words with a dot, a slash or a ``::`` inside them."""
    found: dict[str, None] = {}
    for chunk in text.split():
        if "." in chunk or "/" in chunk or "\\" in chunk or "::" in chunk:
            for match in _PLACE.findall(chunk):
                place = match.strip("./\\-").replace("\\", "/")
                if "." in place or "/" in place or "::" in place:
                    found[place] = None
    return tuple(found)
