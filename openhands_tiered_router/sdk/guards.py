"""What watches the conversations of a router, in the order in which it is called."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from openhands.sdk import LocalConversation
from openhands.sdk.event import ActionEvent, Event

from openhands_tiered_router.calls.fleet import fleet
from openhands_tiered_router.guards.budget.guard import RoutedBudgetGuard
from openhands_tiered_router.guards.confirm.queue import ConfirmationQueue
from openhands_tiered_router.guards.confirm.settings import Mode
from openhands_tiered_router.guards.guard import ROUTED, Guard
from openhands_tiered_router.guards.loops.guard import LearntTurns, LoopGuard, Router
from openhands_tiered_router.guards.loops.state import Typical
from openhands_tiered_router.policy.request import Purpose
from openhands_tiered_router.record.telemetry.outcomes import ToolOutcomes
from openhands_tiered_router.record.telemetry.query import TelemetryFile
from openhands_tiered_router.sdk.graphs import GraphFollower, live_graphs
from openhands_tiered_router.sdk.memory import MemoryKeeper
from openhands_tiered_router.sdk.setup import RouterSetup
from openhands_tiered_router.settings import RouterSettings


class RoutedToolOutcomes(ToolOutcomes):
    """Finds out its conversation by itself: from the answer that an action is part of.

    The SDK does not tell a callback which conversation it is called for.
    """

    def __call__(self, event: Event) -> None:
        if self.conversation_id is None and isinstance(event, ActionEvent):
            known = fleet().conversation_of(event.llm_response_id)
            self.conversation_id = known
        super().__call__(event)


type Callback = Callable[[Event], None]


class Routed(Guard):
    """Does nothing; by it an agent knows that its conversation calls all of these."""

    name = ROUTED

    def see(self, conversation: LocalConversation, event: Event) -> None:
        pass


def watchers(
    setup: RouterSetup, settings: RouterSettings
) -> list[Callable[[Event], None]]:
    """The callbacks of one conversation: those of ``GUARDS`` that are wanted."""
    made = (make(setup, settings) for make in GUARDS)
    return [Routed(), *(each for each in made if each is not None)]


def _record(setup: RouterSetup, _settings: RouterSettings) -> Callback:
    return RoutedToolOutcomes(setup.recorder)


def _graph(_setup: RouterSetup, settings: RouterSettings) -> Callback | None:
    return GraphFollower() if settings.graph.enabled else None


def _confirmation(_setup: RouterSetup, settings: RouterSettings) -> Callback | None:
    if not settings.confirm.enabled or settings.confirm.mode is not Mode.QUEUE:
        return None
    hubs = _hubs(settings.policy.graph_risk) if settings.graph.enabled else None
    return ConfirmationQueue(settings.confirm, hubs)


def _budget(setup: RouterSetup, settings: RouterSettings) -> Callback | None:
    return RoutedBudgetGuard(setup.recorder) if settings.budgets else None


def _loop(setup: RouterSetup, settings: RouterSettings) -> Callback | None:
    if not settings.loops.enabled:
        return None
    router = _router(setup, settings)
    return LoopGuard(settings.loops, router=router, journal=setup.recorder)


def _memory(_setup: RouterSetup, settings: RouterSettings) -> Callback | None:
    return MemoryKeeper(settings.memory) if settings.memory.enabled else None


GUARDS: Sequence[Callable[[RouterSetup, RouterSettings], Callback | None]] = (
    _record,
    _graph,
    _confirmation,
    _budget,
    _loop,
    _memory,
)
"""What makes each callback, or ``None`` where the settings do not ask for it.

In the order of the calls: first those that only take note, so that nothing is missing
from the record of what comes after; a budget that pauses, then a loop. What is paused
already may be given a second reason.
"""


def _hubs(least: float) -> Callable[[str, str], str | None]:
    """Edits of files that much depends on, as far as the graph is built by now."""

    def risk_of(workspace: str, path: str) -> str | None:
        signals = live_graphs().signals(workspace)
        touched = signals.touch_signals([path]) if signals else None
        if touched is None or touched.risk < least:
            return None
        return f"{touched.dependents} files depend on it"

    return risk_of


def _router(setup: RouterSetup, settings: RouterSettings) -> Router:
    path = setup.recorder.path
    read = None if path is None else TelemetryFile(path).turns_to_finish
    learnt = LearntTurns(read, settings.loops)

    def typical(conversation_id: str) -> Typical | None:
        calls = setup.fleet.calls(conversation_id)
        served = Counter(
            setup.endpoint(call.outcome.endpoint).model
            for call in calls
            if call.outcome.endpoint and call.purpose is Purpose.TURN
        )
        most = served.most_common(1)
        return learnt.typical(most[0][0]) if most else None

    def escalate(conversation_id: str, turns: int) -> None:
        setup.fleet.session(conversation_id).escalate("runaway", steps=1, turns=turns)

    return Router(typical=typical, escalate=escalate)
