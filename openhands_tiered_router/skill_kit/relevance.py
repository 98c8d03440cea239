"""Which of several skills a text is about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

from openhands_tiered_router.graph.location.index import SATURATION, FileIndex
from openhands_tiered_router.graph.location.text import parse
from openhands_tiered_router.graph.words import terms_of, words


HEADLINE: Final = 3
"""What a term in a skill's name, description or triggers counts for, in terms of the
body: the weight that names have in the workspace's own index."""


def by_relevance(text: str, skills: Mapping[str, tuple[str, str]]) -> list[str]:
    """The names of ``skills``, the one that fits ``text`` best first.

    Scores are BM25 over the given skills (see ``graph.location.index``); those that
    are equal keep their order.

    Args:
        text: What the user said.
        skills: By name, the headline (description, triggers) and the body.
    """
    index = FileIndex()
    for name, (headline, body) in skills.items():
        index.append(name, _worths(f"{name} {headline}", body))
    scores = index.scores(index.weigh(parse(text).terms))
    return sorted(skills, key=lambda name: -scores.get(name, 0.0))


def _worths(headline: str, body: str) -> dict[str, float]:
    counts = Counter(terms_of(words(body)))
    for term, count in Counter(terms_of(words(headline))).items():
        counts[term] += HEADLINE * count
    return {term: count / (SATURATION + count) for term, count in counts.items()}
