"""How clearly a ranking points at one place.

The strongest signal that the graph has of how a run will go, and a weak one
(docs/scoring.md says how weak).
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from math import log2, sumprod
from operator import neg
from typing import Final


TOP: Final = 50
"""Ranks that `Ambiguity.entropy` looks at."""


@dataclass(frozen=True, slots=True)
class Ambiguity:
    """Figures about the scores of a ranking, best first."""

    candidates: int
    """Entries with at least half of the first one's score."""
    fifth_to_first: float
    """In [0, 1]: 0 is clear, or fewer than five entries; 1 is a five-way tie."""
    entropy: float
    """Of the first `TOP` scores as shares of their sum, bits: 0 to 5.6."""


NOTHING: Final = Ambiguity(0, 0.0, 0.0)


def ambiguity(scores: Sequence[float]) -> Ambiguity:
    """Sum up positive scores in falling order."""
    if not scores:
        return NOTHING
    first = scores[0]
    return Ambiguity(
        candidates=bisect_right(scores, -first / 2, key=neg),
        fifth_to_first=scores[4] / first if len(scores) > 4 else 0.0,
        entropy=_entropy(scores[:TOP]),
    )


def _entropy(scores: Sequence[float]) -> float:
    """Return ``-sum(p log2 p)`` for ``p = score / total``, with one logarithm each."""
    total = sum(scores)
    return max(0.0, log2(total) - sumprod(scores, map(log2, scores)) / total)
