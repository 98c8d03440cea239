"""What a piece of text asks for: weighted terms, and the places it names."""

import re
from collections import Counter
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

_FENCE: Final = "```"
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
    # Between fences, every other piece is a block, and the last one may be open.
    pieces = text.split(_FENCE)
    prose = "\n".join(pieces[::2])
    inline, blocks = _INLINE.findall(prose), pieces[1::2]
    counts: dict[str, float] = Counter(terms_of(words(prose)))  # pyright: ignore[reportAssignmentType]
    for term in terms_of(words("\n".join(blocks))) if blocks else ():
        counts[term] += BLOCK
    for term in terms_of(words("\n".join(inline))) if inline else ():
        counts[term] += INLINE
    weights = dict(zip(counts, map(log1p, counts.values()), strict=True))
    for term in {*terms_of(words(text.lstrip().partition("\n")[0]))}:
        weights[term] *= TITLE
    return Query(weights, _places(text))


def _places(text: str) -> tuple[str, ...]:
    """Return the distinct words with a dot, a slash or a ``::`` inside them."""
    found: dict[str, None] = {}
    for chunk in text.split():
        if chunk.isalnum():  # most are, and this is one test instead of four
            continue
        if "." in chunk or "/" in chunk or "\\" in chunk or "::" in chunk:
            for match in _PLACE.findall(chunk):
                place = match.strip("./\\-").replace("\\", "/")
                if "." in place or "/" in place or "::" in place:
                    found[place] = None
    return tuple(found)
