"""What the task score reads of a workspace's code graph, and where it gets one."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Final

from openhands_tiered_router.policy.difficulty.dimensions import GraphFacts
from openhands_tiered_router.policy.difficulty.lru import Lru


if TYPE_CHECKING:
    from openhands_tiered_router.graph.signals import GraphSignals, TaskSignals

BEST: Final = 10
"""Files whose names are looked for in the text, and whose communities count."""
_RANKED: Final = 50
"""Entries that the graph's entropy is over: its maximum is their logarithm."""
_WORKSPACES: Final = 4
"""Graphs that are held at a time; about 80 MB each at 1,300 files."""
_PACKAGE_FILES: Final = frozenset(("__init__", "index", "mod", "__main__"))


def graph_facts(signals: TaskSignals, text: str) -> GraphFacts | None:
    """What the score reads of the graph's answer about a text.

    Returns:
        ``None`` if the text matches nothing in the workspace.
    """
    if not signals.files:
        return None
    best = signals.files[:BEST]
    return GraphFacts(
        fifth_to_first=signals.file_ambiguity.fifth_to_first,
        entropy=signals.definition_ambiguity.entropy / math.log2(_RANKED),
        named=any(names_file(text, hit.node) for hit in best),
        candidates=signals.file_ambiguity.candidates,
        lines=signals.lines,
        complexity=signals.complexity,
        depth=signals.depth,
        best=len(best),
        communities=signals.communities,
        cohesion=signals.cohesion,
        dependents=signals.dependents,
    )


def names_file(text: str, path: str) -> bool:
    """Whether a text holds a file's name, or the last two parts of its module."""
    folder, _, name = path.rpartition("/")
    stem = name.rpartition(".")[0] or name
    if stem in _PACKAGE_FILES:
        module = folder
    else:
        if name in text:
            return True
        module = f"{folder}/{stem}"
    parts = [part for part in module.split("/") if part][-2:]
    return len(parts) == 2 and ".".join(parts) in text


class BuiltGraphs:
    """Builds a workspace's graph when it is first asked for, and waits for it.

    For commands. A conversation asks the graph that follows its workspace instead.
    """

    def __init__(self, report: Callable[[str], None] = lambda _: None) -> None:
        self._report = report
        self._signals: Lru[GraphSignals] = Lru(_WORKSPACES)
        self._failed: dict[str, str] = {}
        self._lock = Lock()

    def prepare(self, workspace: str) -> str | None:
        """Builds the graph unless it is there.

        Returns:
            Why there is none; ``None`` if there is one.
        """
        with self._lock:
            if self._signals.get(workspace) is not None:
                return None
            if workspace not in self._failed:
                self._build(workspace)
            return self._failed.get(workspace)

    def __call__(self, workspace: str, text: str) -> GraphFacts | None:
        """What the graph says of a text; ``None`` without ``prepare``."""
        signals = self._signals.get(workspace)
        answer = signals.task_signals(text) if signals else None
        return graph_facts(answer, text) if answer else None

    def _build(self, workspace: str) -> None:
        from openhands_tiered_router.graph.build import build_graph  # networkx: 0.2 s
        from openhands_tiered_router.graph.signals import GraphSignals

        self._report(workspace)
        try:
            signals = GraphSignals()
            graph = build_graph(Path(workspace))
            signals.update(graph)
            # What the graph makes at its first answer, no decision should wait for.
            signals.task_signals(next(iter(graph.files), ""))
        except Exception as error:  # a graph is never worth an answer
            self._failed[workspace] = f"{type(error).__name__}: {error}"
        else:
            self._signals.put(workspace, signals)
