"""Which definitions of a file a text is about."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class DefinitionIndex:
    """What the definitions of one file hold."""

    digest: bytes
    """Of the file that was read."""
    nodes: tuple[str, ...]
    """Ids of the definitions, by their number in the file."""
    terms: Mapping[str, tuple[tuple[int, float], ...]]
    """Term to (number of the definition, what the term is worth there)."""
    constructors: tuple[tuple[int, int], ...]
    """Those that are named like the class around them, each with that class."""


def definition_index(facts: FileFacts) -> DefinitionIndex:
    """Index the definitions of one file."""
    definitions = facts.definitions
    calls: dict[int, list[str]] = defaultdict(list)
    for call in facts.calls:
        calls[call.scope].append(call.name)
    index: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for number, definition in enumerate(definitions):
        worths = _worths(
            (NAME, terms_of((definition.name,))),
            (OWNER, terms_of(words(definition.qualname.rpartition(".")[0]))),
            (SIGNATURE, terms_of(words(definition.signature))),
            (DOCSTRING, terms_of(words(definition.docstring))),
            (CALLS, terms_of(calls[number])),
        )
        for term, worth in worths.items():
            index[term].append((number, worth))
    return DefinitionIndex(
        digest=facts.digest,
        nodes=tuple(map(facts.node_id, range(len(definitions)))),
        terms={term: tuple(postings) for term, postings in index.items()},
        constructors=tuple(
            (number, definition.parent)
            for number, definition in enumerate(definitions)
            if definition.parent >= 0
            and definition.name == definitions[definition.parent].name
        ),
    )


def definition_scores(
    index: DefinitionIndex, weights: Mapping[str, float]
) -> list[tuple[float, str]]:
    """Return (score, id) of each definition that holds any of the weighted terms.

    No constructor outranks its class.
    """
    scores = [0.0] * len(index.nodes)
    terms = index.terms
    for term in [term for term in weights if term in terms]:
        weight = weights[term]
        for number, worth in terms[term]:
            scores[number] += worth * weight
    for number, owner in index.constructors:
        if scores[number]:
            pair = scores[number], scores[owner]
            scores[owner], scores[number] = max(pair), min(pair) or max(pair)
    return [found for found in zip(scores, index.nodes, strict=True) if found[0]]


def _worths(*parts: tuple[float, Iterable[str]]) -> dict[str, float]:
    weighted: dict[str, float] = defaultdict(float)
    for weight, found in parts:
        for term in found:
            weighted[term] += weight
    return {term: tf / (SATURATION + tf) for term, tf in weighted.items()}
