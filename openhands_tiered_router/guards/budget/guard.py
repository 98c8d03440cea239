"""Budgets as an event callback, beside a router: telling the user each thing once."""

from __future__ import annotations

import time
from typing import ClassVar, Final

from openhands.sdk import LocalConversation
from openhands.sdk.conversation.state import ConversationExecutionStatus
from openhands.sdk.event import (
    ActionEvent,
    AgentErrorEvent,
    Event,
    ObservationEvent,
    PauseEvent,
)
from openhands.sdk.event.condenser import Condensation
from openhands.sdk.event.user_action import InterruptEvent
from openhands.sdk.llm.exceptions import LLMError
from openhands.sdk.tool.builtins.finish import FinishTool

from openhands_tiered_router.guards.budget.registry import BudgetStatus, registry
from openhands_tiered_router.guards.guard import Guard, Journal
from openhands_tiered_router.guards.pausing import pause, tell


class MaxBudgetReached(LLMError):
    """The call was not sent; the message says what was spent and how to go on.

    It has the name of the SDK's own code for its run budget, so that clients show it
    as such. The conversation is as it was before the call: ``run()`` asks again.
    """


NAME: Final = "budget"
_TOLD: Final = "tiered_router_budget_told"
"""Key in ``agent_state``: names of the soft limits that the user has been told of."""


def goes_on(event: Event) -> bool:
    """Whether another call follows unless the conversation is paused.

    A final message and the ``finish`` tool end the run by themselves.
    """
    if isinstance(event, ActionEvent | ObservationEvent):
        return event.tool_name != FinishTool.name
    return isinstance(event, AgentErrorEvent | Condensation)


def tell_soft(conversation: LocalConversation, status: BudgetStatus) -> list[str]:
    """Says what was not said yet; returns the names of it."""
    told = list(conversation.state.agent_state.get(_TOLD, ()))
    new = [name for name in status.soft if name not in told]
    if new:
        state = conversation.state
        # Only an assignment is stored.
        state.agent_state = {**state.agent_state, _TOLD: [*told, *new]}
        for name in new:
            tell(conversation, NAME, status.soft[name])
    return new


def pause_hard(conversation: LocalConversation, status: BudgetStatus) -> bool:
    """Pauses the conversation if its next call will not be sent; whether it did."""
    execution = conversation.state.execution_status
    if status.hard is None or execution is ConversationExecutionStatus.PAUSED:
        return False
    pause(conversation, NAME, status.hard)
    return True


class RoutedBudgetGuard(Guard):
    """Pauses a routed conversation before a call that its budgets would refuse.

    The router counts and refuses by itself; this makes a pause of it, before the
    call, and tells the user when a soft limit has lowered the tier.
    """

    name: ClassVar[str] = NAME

    def __init__(self, journal: Journal) -> None:
        super().__init__()
        self._journal = journal

    def see(self, conversation: LocalConversation, event: Event) -> None:
        """Reads what the router left on this process's registry; no I/O of its own."""
        id = str(conversation.id)
        if isinstance(event, PauseEvent | InterruptEvent):
            registry().mark(id, None)
            return
        status = registry().status(id)
        if status is None or not goes_on(event):
            return
        for name in tell_soft(conversation, status):
            self._note(id, "soft_limit", limit=name)
        if pause_hard(conversation, status):
            self._note(id, "held", limit="")

    def _note(self, id: str, kind: str, limit: str) -> None:
        self._journal.note(
            self.name, kind, conversation_id=id, time=time.time(), limit=limit
        )
