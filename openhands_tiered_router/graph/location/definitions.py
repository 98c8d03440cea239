"""Which definitions of a file a text is about."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final

from openhands_tiered_router.graph.location.index import SATURATION
from openhands_tiered_router.graph.model import FileFacts
from openhands_tiered_router.graph.words import terms_of, words


NAME: Final = 3.0
OWNER: Final = 1.0
"""Weight of the names of the classes and functions around a definition."""
SIGNATURE: Final = 1.0
DOCSTRING: Final = 0.5
CALLS: Final = 0.5

DefinitionIndex = Mapping[str, tuple[tuple[int, float], ...]]
"""Term to (number of the definition in its file, what the term is worth there)."""


def definition_index(facts: FileFacts) -> DefinitionIndex:
    """Index the definitions of one file."""
    calls: dict[int, list[str]] = defaultdict(list)
    for call in facts.calls:
        calls[call.scope].append(call.name)
    index: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for number, definition in enumerate(facts.definitions):
        worths = _worths(
            (NAME, terms_of((definition.name,))),
            (OWNER, terms_of(words(definition.qualname.rpartition(".")[0]))),
            (SIGNATURE, terms_of(words(definition.signature))),
            (DOCSTRING, terms_of(words(definition.docstring))),
            (CALLS, terms_of(calls[number])),
        )
        for term, worth in worths.items():
            index[term].append((number, worth))
    return {term: tuple(postings) for term, postings in index.items()}


def definition_scores(
    index: DefinitionIndex, weights: Mapping[str, float]
) -> dict[int, float]:
    """Return the score of each definition that holds any of the weighted terms."""
    scores: dict[int, float] = defaultdict(float)
    for term in [term for term in weights if term in index]:
        weight = weights[term]
        for number, worth in index[term]:
            scores[number] += worth * weight
    return scores


def classes_first(facts: FileFacts, scores: dict[int, float]) -> None:
    """Let no constructor that is named like its class outrank it."""
    for number in list(scores):
        definition = facts.definitions[number]
        owner = definition.parent
        if owner >= 0 and definition.name == facts.definitions[owner].name:
            pair = scores[number], scores.get(owner, 0.0)
            scores[owner], scores[number] = max(pair), min(pair) or max(pair)


def _worths(*parts: tuple[float, Iterable[str]]) -> dict[str, float]:
    weighted: dict[str, float] = defaultdict(float)
    for weight, found in parts:
        for term in found:
            weighted[term] += weight
    return {term: tf / (SATURATION + tf) for term, tf in weighted.items()}
