"""How a run of an agent ended: exit codes, and what waits for a yes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Final


if TYPE_CHECKING:
    from openhands.sdk import LocalConversation, RemoteConversation
    from openhands.sdk.event import Event
    from openhands.sdk.event.conversation_error import ConversationErrorEvent


EXIT_ERROR: Final = 1
EXIT_USAGE: Final = 2
EXIT_LIMIT: Final = 3
EXIT_STUCK: Final = 4
EXIT_UNVERIFIED: Final = 5
EXIT_BUDGET: Final = 6
EXIT_PAUSED_BY_GUARD: Final = 7
EXIT_WAITING: Final = 8
EXIT_NOT_DELIVERED: Final = 9
EXIT_NO_CHANGE: Final = 10
EXIT_PAUSED: Final = 130

_CODES: Final = {
    "finished": 0,
    "stuck": EXIT_STUCK,
    "waiting_for_confirmation": EXIT_WAITING,
}
"""By the statuses of the SDK that say enough by themselves."""
_LIMITS: Final = {"MaxIterationsReached": EXIT_LIMIT, "MaxBudgetReached": EXIT_BUDGET}
"""By the code of the error that a conversation ended with."""


def stopped(conversation: LocalConversation | RemoteConversation) -> bool:
    """Whether the SDK's own confirmation waits: to run is to say yes."""
    return conversation.state.execution_status.value == "waiting_for_confirmation"


def exit_code(conversation: LocalConversation) -> int:
    """How a run on this machine ended."""
    from openhands_tiered_router.guards.confirm.queue import waiting
    from openhands_tiered_router.guards.pausing import pause_reasons
    from openhands_tiered_router.guards.verify.memory import Status, verification_of

    state = conversation.state
    status = state.execution_status.value
    if status == "finished":
        if waiting(conversation):
            return EXIT_WAITING
        verification = verification_of(state)
        if verification is not None and verification.status is Status.UNVERIFIED:
            return EXIT_UNVERIFIED
    guards = [reason.guard for reason in pause_reasons(state)]
    return _code(status, guards, state.events)


def exit_code_at(status: str, events: Sequence[Event]) -> int:
    """The same of a conversation on a server, verification apart: read off what it
    says."""
    from openhands_tiered_router.guards.pausing import pause_reason_of

    errors = _errors(events)
    held = pause_reason_of(errors[-1]) if errors else None
    return _code(status, [held.guard] if held else [], events)


def _code(status: str, guards: Collection[str], events: Iterable[Event]) -> int:
    """``guards``: those that paused it."""
    from openhands_tiered_router.guards.budget.guard import NAME

    if status in _CODES:
        return _CODES[status]
    if status == "paused":
        if NAME in guards:
            return EXIT_BUDGET
        return EXIT_PAUSED_BY_GUARD if guards else EXIT_PAUSED
    errors = _errors(events)
    return _LIMITS.get(errors[-1].code, EXIT_ERROR) if errors else EXIT_ERROR


def _errors(events: Iterable[Event]) -> list[ConversationErrorEvent]:
    from openhands.sdk.event.conversation_error import ConversationErrorEvent

    return [event for event in events if isinstance(event, ConversationErrorEvent)]
