"""Rank files and definitions for a piece of text."""

from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass
from threading import Lock
from typing import Final

from msgspec import Struct

from openhands_tiered_router.graph.git_history import History
from openhands_tiered_router.graph.location.ambiguity import (
    NOTHING,
    Ambiguity,
    ambiguity,
)
from openhands_tiered_router.graph.location.definitions import (
    DefinitionIndex,
    definition_index,
    definition_scores,
)
from openhands_tiered_router.graph.location.index import FileIndex, file_worths
from openhands_tiered_router.graph.location.places import PlaceIndex
from openhands_tiered_router.graph.location.text import Query, parse
from openhands_tiered_router.graph.snapshot import CodeGraph


TEST: Final = 0.3
"""Factor for tests: requests describe them, but ask to change what they test."""

NAMED_PATH: Final = 0.4
"""Share of the best score that a file gains when the text contains its path."""

NAMED_MODULE: Final = 0.2
"""The same for a dotted name that begins with the module."""

RANKED: Final = 50
"""Files that are ranked."""

SEARCHED: Final = 5
"""Files whose definitions are ranked."""

FILE_SHARE: Final = 0.5
"""How much of its file's score a definition is given."""

KEPT: Final = 1_000
"""Files whose definitions' terms stay in memory."""


class Hit(Struct, frozen=True):
    """A file or definition that a text may be about."""

    node: str
    """Path, or id of a definition."""
    score: float
    """Above 0, and comparable within one answer only."""


@dataclass(frozen=True, slots=True)
class Location:
    """Where a text points, best first."""

    files: tuple[Hit, ...]
    definitions: tuple[Hit, ...]
    file_ambiguity: Ambiguity
    definition_ambiguity: Ambiguity


NOWHERE: Final = Location((), (), NOTHING, NOTHING)


class Locator:
    """Answers questions from an index that follows a workspace's graph.

    `update` is for one background thread at a time, and takes a lock; `locate` may
    run at any time in any thread, and takes none.
    """

    def __init__(self) -> None:
        self._updating = Lock()
        self._graph: CodeGraph | None = None
        self._history: History = {}
        self._index = FileIndex()
        self._places = PlaceIndex()
        self._digests: dict[str, bytes] = {}
        self._tests: set[str] = set()
        self._definitions: dict[str, DefinitionIndex] = {}

    def update(self, graph: CodeGraph, history: History | None = None) -> None:
        """Follow a graph; .3 ms for each changed file, once there is an index.

        Args:
            graph: The version to follow.
            history: Recent commits; None keeps what was known, and another one than
                before costs as much as a first update.
        """
        with self._updating:
            if history is None or history is self._history:
                history = self._history
                known = self._graph.version if self._graph else None
                changed = None if known is None else graph.changed_since(known)
            else:
                changed = None
            self._history = history
            if changed is None:
                self._rebuild(graph)
            else:
                self._follow(graph, changed)
            self._graph = graph

    def _rebuild(self, graph: CodeGraph) -> None:
        index, places, digests = FileIndex(), PlaceIndex(), {}
        tests: set[str] = set()
        for path in sorted(graph.files):
            facts = graph.facts(path)
            if facts:
                digests[path] = facts.digest
                if facts.is_test:
                    tests.add(path)
                index.append(path, file_worths(facts, self._history.get(path)))
                places.put(path)
        self._index, self._places, self._digests = index, places, digests
        self._tests = tests

    def _follow(self, graph: CodeGraph, changed: Iterable[str]) -> None:
        for path in sorted(changed):
            facts = graph.facts(path) if path in graph.files else None
            known = self._digests.get(path)
            if facts and facts.digest != known:
                worths = file_worths(facts, self._history.get(path))
                self._index.put(path, worths)
                self._digests[path] = facts.digest
                (self._tests.add if facts.is_test else self._tests.discard)(path)
                if known is None:
                    self._places.put(path)
            elif facts is None and known is not None:
                self._index.drop(path)
                self._places.drop(path)
                del self._digests[path]

    def locate(self, text: str) -> Location:
        """Rank what a text may be about; about 1 ms for 2,000 characters."""
        graph = self._graph
        if graph is None:
            return NOWHERE
        return located(
            parse(text),
            self._index,
            self._places,
            tests=self._tests,
            definitions=lambda path: self._inside(graph, path),
        )

    def _inside(self, graph: CodeGraph, path: str) -> DefinitionIndex | None:
        known = self._definitions.get(path)
        if known is None or known.digest != self._digests.get(path):
            facts = graph.facts(path)
            if facts is None:
                return None
            if len(self._definitions) >= KEPT:
                self._definitions.clear()
            known = self._definitions[path] = definition_index(facts)
        return known


def located(
    query: Query,
    index: FileIndex,
    places: PlaceIndex,
    *,
    tests: Set[str],
    definitions: Callable[[str], DefinitionIndex | None],
) -> Location:
    """Rank the files of an index, and what is in the first `SEARCHED` of them."""
    weights = index.weigh(query.terms)
    scores = index.scores(weights)
    best = max(scores.values(), default=1.0)
    for path, share in _named(query, places).items():
        scores[path] = scores.get(path, 0.0) + share * best
    for path in scores.keys() & tests:
        scores[path] *= TEST
    files = _best(scores, RANKED)
    found: dict[str, float] = {}
    for file in files[:SEARCHED]:
        inside = definitions(file.node)
        if inside is not None:
            share = FILE_SHARE * file.score
            for score, node in definition_scores(inside, weights):
                found[node] = score + share
    hits = _best(found, RANKED)
    return Location(
        files,
        hits,
        ambiguity([hit.score for hit in files]),
        ambiguity([hit.score for hit in hits]),
    )


def _named(query: Query, places: PlaceIndex) -> dict[str, float]:
    """Return the files that a text names, and how sure that is, in (0, 1]."""
    named: dict[str, float] = {}
    for place in query.places:
        paths, worth = places.by_path(place), NAMED_PATH
        if not paths:
            paths, worth = places.by_module(place), NAMED_MODULE
        for path in paths:
            named[path] = max(named.get(path, 0.0), worth / len(paths))
    return named


def _best(scores: Mapping[str, float], count: int) -> tuple[Hit, ...]:
    """Return the highest scores, ties by name."""
    ranked = sorted(scores)  # ties keep this order
    ranked.sort(key=scores.__getitem__, reverse=True)
    return tuple([Hit(node, scores[node]) for node in ranked[:count]])
