"""Telling a conversation's user of its budgets, each thing once."""

from __future__ import annotations

from typing import Final

from openhands.sdk import LocalConversation
from openhands.sdk.conversation.state import ConversationExecutionStatus
from openhands.sdk.event import ActionEvent, AgentErrorEvent, Event, ObservationEvent
from openhands.sdk.event.condenser import Condensation
from openhands.sdk.tool.builtins.finish import FinishTool

from openhands_tiered_router.guards.budget.registry import BudgetStatus
from openhands_tiered_router.guards.pausing import pause, tell


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
