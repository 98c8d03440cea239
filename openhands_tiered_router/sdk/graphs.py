"""The code graphs of the workspaces that this process's conversations work in."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from openhands.sdk.event import Event, ObservationEvent

from openhands_tiered_router.fleet import Fleet
from openhands_tiered_router.need.dimensions import GraphFacts
from openhands_tiered_router.need.graph_facts import graph_facts


if TYPE_CHECKING:
    from openhands_tiered_router.graph.signals import GraphSignals


class LiveGraphs:
    """Begins a workspace's graph when it is first asked for; answers without it.

    Nothing here waits: what is not known yet is ``None``.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._signals: dict[str, GraphSignals | None] = {}

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
        """What the graph says of a text, for the task score."""
        signals = self.signals(workspace)
        answer = signals.task_signals(text) if signals else None
        return graph_facts(answer, text) if answer else None

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

    def _begin(self, workspace: str) -> None:
        with self._lock:
            if workspace in self._signals:
                return
            self._signals[workspace] = None
        # Importing networkx alone would hold up an event loop for half a second.
        threading.Thread(
            target=self._start, args=(workspace,), name="code-graph-start", daemon=True
        ).start()

    def _start(self, workspace: str) -> None:
        from openhands_tiered_router.graph import workspace as workspaces
        from openhands_tiered_router.graph.signals import GraphSignals

        workspaces.get(workspace).start()
        self._signals[workspace] = GraphSignals()


_graphs = LiveGraphs()


def live_graphs() -> LiveGraphs:
    """The graphs of this process."""
    return _graphs


class GraphFollower:
    """An event callback that tells the graph of a conversation's own edits.

    Without it the graph follows by looking at the files every so often.
    """

    def __init__(self, fleet: Fleet, graphs: LiveGraphs) -> None:
        self._fleet = fleet
        self._graphs = graphs
        self._workspace: str | None = None

    def __call__(self, event: Event) -> None:
        response_id = getattr(event, "llm_response_id", None)
        if self._workspace is None and response_id:
            session_id = self._fleet.conversation_of(response_id)
            if session_id is not None:
                self._workspace = self._fleet.session(session_id).workspace
        if self._workspace is None or not isinstance(event, ObservationEvent):
            return
        if event.tool_name in _EDITORS:
            path = getattr(event.observation, "path", None)
            self._graphs.edited(self._workspace, path if path else None)
        elif event.tool_name in _SHELLS:
            self._graphs.edited(self._workspace, None)


_EDITORS = frozenset({"file_editor", "planning_file_editor", "apply_patch"})
_SHELLS = frozenset({"terminal", "bash", "execute_bash"})
