"""What the router asks of the graph, answered from what is kept.

The one place where decisions and the graph meet. Everything here says where a
task points and what a change can break; nothing says how hard a task is.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from threading import Lock, Thread
from typing import Final

from openhands_tiered_router.graph.git_history import History, read_history
from openhands_tiered_router.graph.location.ambiguity import Ambiguity
from openhands_tiered_router.graph.location.locator import Hit, Locator
from openhands_tiered_router.graph.measures import Measures, measure
from openhands_tiered_router.graph.reach import Reaches
from openhands_tiered_router.graph.snapshot import CodeGraph


STALE: Final = 0.02
"""Share of files that changed at which measures are made anew."""

SPREAD: Final = 10
"""Best files whose communities `TaskSignals.communities` counts."""

KEPT: Final = 100
"""Files asked about lately whose reach is found again after a change; also the
sets of files whose answers stay in memory."""

HUB_RISK: Final = 0.4
REACH_RISK: Final = 0.6
UNTESTED_RISK: Final = 0.4
"""How much of the risk each reason makes up by itself: judgement, not measured."""

REACH_HALF: Final = 20
"""Dependents at which `REACH_RISK` counts half."""


_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TaskSignals:
    """Where a request points, and what is there."""

    files: tuple[Hit, ...]
    """Best first, at most 50."""
    definitions: tuple[Hit, ...]
    """Best first, at most 50."""
    file_ambiguity: Ambiguity
    definition_ambiguity: Ambiguity
    lines: int
    """Of the best file."""
    complexity: int
    """Cyclomatic, of the most complex definition of the best file."""
    depth: int
    """Dependency depth of the best file, files; 0 depends on nothing."""
    communities: int
    """Communities that the best ten files are spread over."""
    cohesion: float
    """Of the best file's community, in [0, 1]."""
    dependents: int
    """Files within three steps that depend on the best file: its blast radius."""


@dataclass(frozen=True, slots=True)
class TouchSignals:
    """What a change to some files can break."""

    hubs: tuple[str, ...]
    """Those of the files that much else depends on, sorted."""
    dependents: int
    """Other files that depend on any of them within three steps: the blast radius."""
    untested: tuple[str, ...]
    """Touched code files that no test uses, nor what uses them; sorted."""
    risk: float
    """In [0, 1]: 0 when nothing depends on what changes and tests cover it.

    ``1 - (1 - hub)(1 - reach)(1 - untested)``, with the constants above.
    """


@dataclass(frozen=True, slots=True)
class _State:
    """What answers come from: replaced as one, so that they agree."""

    graph: CodeGraph
    measures: Measures
    reaches: Reaches
    touches: dict[tuple[str, ...], TouchSignals] = field(default_factory=dict)
    """Answers: the same files are asked about at every turn until one more is."""


class GraphSignals:
    """Follows a workspace's graph in the background and answers at once.

    Any thread may ask at any time. Until the first update ended there are no
    answers: None, never a wait.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._updating = Lock()
        self._worker: Thread | None = None
        self._wanted: CodeGraph | None = None
        self._locator = Locator()
        self._state: _State | None = None
        self._has_history = False

    def observe(self, graph: CodeGraph) -> None:
        """Take notice of a version; the work is done in a background thread."""
        if not graph.complete or graph is self._wanted:
            return
        with self._lock:
            self._wanted = graph
            if self._worker is None:
                self._worker = Thread(target=self._catch_up, daemon=True)
                self._worker.start()

    def close(self, timeout: float = 5.0) -> None:
        """Follow no further, and wait until the background thread has noticed."""
        with self._lock:
            self._wanted = None
            worker = self._worker
        if worker is not None:
            worker.join(timeout)

    def _catch_up(self) -> None:
        """Follow until there is nothing newer; read git's history at last, once."""
        while True:
            with self._lock:
                graph = self._wanted
                current = self._state is not None and graph is self._state.graph
                if graph is None or (current and self._has_history):
                    self._worker = None
                    return
            try:
                if not current:
                    self.update(graph)
                else:
                    self._has_history = True
                    self.update(graph, read_history(graph.root))
            except Exception as error:  # a signal is never worth a run
                _log.warning("no graph signals: %s: %s", type(error).__name__, error)
                with self._lock:
                    self._worker = None
                return

    def update(self, graph: CodeGraph, history: History | None = None) -> None:
        """Follow a version now; later ones cost about .3 ms for each changed file."""
        with self._updating:
            self._locator.update(graph, history)
            _ = graph.file_graph  # made here, so that no question waits for it
            before = self._state
            if before is None:
                self._state = _State(graph, measure(graph), Reaches(graph))
                return
            measures = before.measures
            if _stale(measures, graph):
                measures = measure(graph)
            if _same_links(before.graph, graph):
                reaches = before.reaches
            else:
                reaches = Reaches(graph)
                asked = [path for path in before.reaches.asked if path in graph.files]
                for path in asked[-KEPT:]:
                    reaches.of(path)
            self._state = _State(graph, measures, reaches)

    @property
    def measures(self) -> Measures | None:
        """The kept measures; they may be some edits behind."""
        return self._state.measures if self._state else None

    def task_signals(self, text: str) -> TaskSignals | None:
        """Say where a request points; None while there is no graph."""
        state = self._state
        if state is None:
            return None
        graph, measures = state.graph, state.measures
        location = self._locator.locate(text)
        best = location.files[0].node if location.files else ""
        node, place = graph.files.get(best), measures.files.get(best)
        groups = {
            measures.files[hit.node].community
            for hit in location.files[:SPREAD]
            if hit.node in measures.files
        }
        return TaskSignals(
            files=location.files,
            definitions=location.definitions,
            file_ambiguity=location.file_ambiguity,
            definition_ambiguity=location.definition_ambiguity,
            lines=node.lines if node else 0,
            complexity=node.max_complexity if node else 0,
            depth=place.depth if place else 0,
            communities=len(groups),
            cohesion=measures.communities[place.community].cohesion if place else 0.0,
            dependents=state.reaches.of(best).dependents.bit_count() if node else 0,
        )

    def touch_signals(self, paths: Iterable[str]) -> TouchSignals | None:
        """Say what a change to files can break; None while there is no graph.

        Args:
            paths: POSIX paths below the workspace; unknown ones count as no risk.
        """
        state = self._state
        if state is None:
            return None
        touched = tuple(sorted(set(paths)))
        known = state.touches.get(touched)
        if known is None:
            if len(state.touches) >= KEPT:
                state.touches.clear()
            known = state.touches[touched] = _touched(state, touched)
        return known


def _touched(state: _State, touched: tuple[str, ...]) -> TouchSignals:
    graph = state.graph
    known = [path for path in touched if path in graph.files]
    found = [state.reaches.of(path) for path in known]
    own = frozenset(known)
    joined = reduce(or_, (reach.dependents for reach in found), 0)
    dependents = (joined & ~state.reaches.bits(known)).bit_count()
    hubs = tuple(sorted(p for p in state.measures.hubs if p in own))
    untested = tuple(
        path
        for path, reach in zip(known, found, strict=True)
        if not reach.is_tested and graph.files[path].language
    )
    return TouchSignals(
        hubs=hubs,
        dependents=dependents,
        untested=untested,
        risk=_risk(bool(hubs), dependents, bool(untested)),
    )


def _same_links(before: CodeGraph, graph: CodeGraph) -> bool:
    """Whether the same files depend on each other in the same way."""
    changed = graph.changed_since(before.version)
    return changed is not None and all(
        before.links.get(path) == graph.links.get(path)
        and (path in before.files) == (path in graph.files)
        for path in changed
    )


def _stale(measures: Measures, graph: CodeGraph) -> bool:
    """Whether so many files changed since that the measures may mislead."""
    changed = graph.changed_since(measures.version)
    return changed is None or len(changed) > STALE * len(graph.files)


def _risk(hub: bool, dependents: int, untested: bool) -> float:
    reach = dependents / (dependents + REACH_HALF)
    return 1 - (
        (1 - HUB_RISK * hub) * (1 - REACH_RISK * reach) * (1 - UNTESTED_RISK * untested)
    )
