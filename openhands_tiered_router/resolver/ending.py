"""How a run of an agent ended: exit codes, and what waits for a yes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final


if TYPE_CHECKING:
    from openhands.sdk import LocalConversation, RemoteConversation
    from openhands.sdk.event import Event


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
    from openhands.sdk.conversation.state import ConversationExecutionStatus as Status

    status = conversation.state.execution_status
    return status is Status.WAITING_FOR_CONFIRMATION


def waits(conversation: LocalConversation) -> bool:
    """Whether some action waits for the user's yes."""
    from openhands_tiered_router.guards.confirm.queue import waiting

    return bool(waiting(conversation)) or stopped(conversation)


def exit_code(conversation: LocalConversation) -> int:
    from openhands.sdk.conversation.state import ConversationExecutionStatus as Status
    from openhands.sdk.event.conversation_error import ConversationErrorEvent

    status = conversation.state.execution_status
    ended = status in (Status.FINISHED, Status.WAITING_FOR_CONFIRMATION)
    if ended and waits(conversation):
        return EXIT_WAITING
    if status is Status.FINISHED:
        return EXIT_UNVERIFIED if _is_unverified(conversation) else 0
    if status is Status.PAUSED:
        return _exit_code_of_pause(conversation)
    if status is Status.STUCK:
        return EXIT_STUCK
    errors = [
        e for e in conversation.state.events if isinstance(e, ConversationErrorEvent)
    ]
    return _LIMITS.get(errors[-1].code, EXIT_ERROR) if errors else EXIT_ERROR


def _exit_code_of_pause(conversation: LocalConversation) -> int:
    from openhands_tiered_router.guards.budget.guard import NAME
    from openhands_tiered_router.guards.pausing import pause_reasons

    guards = {reason.guard for reason in pause_reasons(conversation.state)}
    if NAME in guards:
        return EXIT_BUDGET
    return EXIT_PAUSED_BY_GUARD if guards else EXIT_PAUSED


def _is_unverified(conversation: LocalConversation) -> bool:
    from openhands_tiered_router.guards.verify.memory import Status, verification_of

    verification = verification_of(conversation.state)
    return verification is not None and verification.status is Status.UNVERIFIED


def exit_code_at(status: str, events: Sequence[Event]) -> int:
    """As ``exit_code``, of a conversation on a server: read off what it says."""
    from openhands.sdk.event.conversation_error import ConversationErrorEvent

    from openhands_tiered_router.guards.budget.guard import NAME
    from openhands_tiered_router.guards.pausing import pause_reason_of

    if status in _CODES:
        return _CODES[status]
    errors = [e for e in events if isinstance(e, ConversationErrorEvent)]
    if status == "paused":
        held = pause_reason_of(errors[-1]) if errors else None
        if held is None:
            return EXIT_PAUSED
        return EXIT_BUDGET if held.guard == NAME else EXIT_PAUSED_BY_GUARD
    return _LIMITS.get(errors[-1].code, EXIT_ERROR) if errors else EXIT_ERROR
