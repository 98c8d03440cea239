"""Where the task score gets its view of a workspace's code graph."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Final

from openhands_tiered_router.policy.difficulty.dimensions import GraphFacts
from openhands_tiered_router.policy.difficulty.graph_facts import graph_facts
from openhands_tiered_router.policy.difficulty.lru import Lru


if TYPE_CHECKING:
    from openhands_tiered_router.graph.signals import GraphSignals

_WORKSPACES: Final = 4
"""Graphs that are held at a time; about 80 MB each at 1,300 files."""


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
        from openhands_tiered_router.graph import build_graph  # networkx: 0.2 s
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
