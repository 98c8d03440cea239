"""The code graphs of the workspaces that this process's conversations work in."""

from __future__ import annotations

import atexit
import logging
import os
import threading
from typing import TYPE_CHECKING, Final

from openhands.sdk.event import ActionEvent, Event, ObservationEvent

from openhands_tiered_router.calls.fleet import fleet
from openhands_tiered_router.policy.difficulty.dimensions import GraphFacts
from openhands_tiered_router.policy.difficulty.graph_facts import graph_facts
from openhands_tiered_router.policy.difficulty.lru import Lru


if TYPE_CHECKING:
    from openhands_tiered_router.graph.signals import GraphSignals
    from openhands_tiered_router.graph.snapshot import CodeGraph


logger = logging.getLogger(__name__)

_TEXTS: Final = 256
"""Tasks whose place in the code is remembered."""
MAX_WORKSPACES: Final = 8
"""Graphs that are followed at a time, some 80 MB each at 1,300 files."""


class LiveGraphs:
    """Begins a workspace's graph when it is first asked for; answers without it.

    Nothing but ``current`` waits: what is not known yet is ``None``.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._signals: dict[str, GraphSignals | None] = {}
        self._closed = False
        self._facts: Lru[GraphFacts] = Lru(_TEXTS)

    def signals(self, workspace: str) -> GraphSignals | None:
        """What the graph tells, up to its latest version; ``None``: not there yet."""
        signals = self._signals.get(workspace)
        if signals is None:
            self._begin(workspace)
            return None
        # Imported by the thread that made the signals.
        from openhands_tiered_router.graph import workspace as workspaces

        signals.observe(workspaces.get(workspace).graph)
        return signals

    def __call__(self, workspace: str, text: str) -> GraphFacts | None:
        """What the graph says of a text, for the task score.

        A text is looked up once: where a task points does not change because the agent
        works on it, and a look-up at each turn would be a third of a decision.
        """
        name = f"{workspace}\0{text}"
        known = self._facts.get(name)
        if known is not None:
            return known
        signals = self.signals(workspace)
        answer = signals.task_signals(text) if signals else None
        facts = graph_facts(answer, text) if answer else None
        return None if facts is None else self._facts.put(name, facts)

    def current(self, workspace: str, timeout: float) -> CodeGraph | None:
        """The graph with all changes of the files, for which it waits. Blocks.

        ``None``: it takes more than ``timeout`` seconds, or there is no graph.
        """
        from openhands_tiered_router.graph import workspace as workspaces  # 0.3 s

        self.signals(workspace)  # so that it is closed at the end of the process
        found = workspaces.get(workspace)
        found.rescan()
        return found.graph if found.wait(timeout) else None

    def edited(self, workspace: str, path: str | None) -> None:
        """Notes that a file changed; ``None``: anything may have."""
        if self._signals.get(workspace) is None:
            return
        from openhands_tiered_router.graph import workspace as workspaces

        graph = workspaces.get(workspace)
        if path is None:
            graph.rescan()
        else:
            graph.note_edit(path)

    def close(self) -> None:
        """Stops following; at the end of the process, so that no thread is cut off."""
        with self._lock:
            self._closed = True
            ready = [signals for signals in self._signals.values() if signals]
            self._signals.clear()
        if ready:
            from openhands_tiered_router.graph import workspace as workspaces

            workspaces.close_all()
        for signals in ready:
            signals.close()

    def _begin(self, workspace: str) -> None:
        with self._lock:
            if workspace in self._signals or self._closed:
                return
            self._signals[workspace] = None
        # Importing networkx alone would hold up an event loop for half a second. Not a
        # daemon: one that is frozen within an import at the end of the process leaves
        # the import lock behind, and what is imported after that waits for ever.
        threading.Thread(
            target=self._start, args=(workspace,), name="code-graph-start"
        ).start()

    def _start(self, workspace: str) -> None:
        from openhands_tiered_router.graph import workspace as workspaces
        from openhands_tiered_router.graph.signals import GraphSignals

        workspaces.get(workspace).start()
        self._signals[workspace] = GraphSignals()
        with self._lock:
            ready = [name for name, signals in self._signals.items() if signals]
            oldest = ready[:-MAX_WORKSPACES]
            for name in oldest:
                del self._signals[name]
        for name in oldest:
            workspaces.close(name)


_graphs = LiveGraphs()


def live_graphs() -> LiveGraphs:
    """The graphs of this process."""
    return _graphs


@atexit.register
def _at_exit() -> None:
    _graphs.close()


def _after_fork() -> None:
    global _graphs
    _graphs = LiveGraphs()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


class GraphFollower:
    """An event callback that tells the graph of a conversation's own edits.

    Without it the graph follows by looking at the files every so often.
    """

    def __init__(self) -> None:
        self._workspace: str | None = None

    def __call__(self, event: Event) -> None:
        try:
            self._see(event)
        except Exception as error:  # a raising callback would end the run
            logger.warning("the code graph missed an edit: %s", type(error).__name__)

    def _see(self, event: Event) -> None:
        if self._workspace is None and isinstance(event, ActionEvent):
            session_id = fleet().conversation_of(event.llm_response_id)
            if session_id is not None:
                self._workspace = fleet().session(session_id).workspace
        if self._workspace is None or not isinstance(event, ObservationEvent):
            return
        if event.tool_name in _EDITORS:
            path = getattr(event.observation, "path", None)
            live_graphs().edited(self._workspace, path if path else None)
        elif event.tool_name in _SHELLS:
            live_graphs().edited(self._workspace, None)


_EDITORS = frozenset({"file_editor", "planning_file_editor", "apply_patch"})
_SHELLS = frozenset({"terminal", "bash", "execute_bash"})
