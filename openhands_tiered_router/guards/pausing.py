"""Pausing a conversation for its user, with the reason in its events.

The reason is a ``ConversationErrorEvent``: every client shows it, no model ever sees
it, so it may come between a tool call and its result. Event kinds of our own would make
a conversation unreadable without this package.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from openhands.sdk.conversation.state import ConversationExecutionStatus
from openhands.sdk.event import Event, PauseEvent
from openhands.sdk.event.conversation_error import ConversationErrorEvent
from openhands.sdk.event.error_classification import (
    ErrorClassification,
    FailureAction,
    FailureKind,
)
from openhands.sdk.event.user_action import InterruptEvent

from openhands_tiered_router.redaction import visible


if TYPE_CHECKING:
    from openhands.sdk import LocalConversation
    from openhands.sdk.conversation.state import ConversationState


_HELD: Final = "PausedByGuard:"
_TOLD: Final = "GuardNotice:"


@dataclass(frozen=True, slots=True)
class PauseReason:
    """Why a conversation is paused."""

    guard: str
    """The name of the guard, such as ``loop``."""
    reason: str
    """For the user: what happened, and how to go on."""


def pause(conversation: LocalConversation, guard: str, reason: str) -> None:
    """Pauses a conversation and tells its user why; ``run()`` goes on again.

    For event callbacks, sync and async, and for other threads. The run ends after the
    step that is under way: the tools of that step still run. If the agent finishes in
    that very step the conversation is finished, with the reason in its events.

    Args:
        conversation: See ``current_conversation``.
        guard: A short name without spaces.
        reason: What happened, and how to go on. No prompts, no contents of files.
    """
    with conversation.state:
        _emit(conversation, _HELD + guard, reason, action="retry")
        conversation.pause()


def tell(conversation: LocalConversation, guard: str, text: str) -> None:
    """Tells the user something without pausing; no model sees it."""
    with conversation.state:
        _emit(conversation, _TOLD + guard, text, action="none")


def pause_reasons(state: ConversationState) -> tuple[PauseReason, ...]:
    """Why guards hold a conversation, oldest first; empty: none does.

    Read off the events, so it is the same after a restart. A conversation that its
    user paused, or that runs again, is not held.
    """
    if state.execution_status is not ConversationExecutionStatus.PAUSED:
        return ()
    found: list[PauseReason] = []
    paused = False
    for event in reversed(state.active_branch()):
        held = pause_reason_of(event)
        if held is not None:
            found.insert(0, held)
        elif paused or isinstance(event, InterruptEvent):
            break
        # A guard's pause follows its reason at once; what comes later in the same step
        # comes between that and the end.
        paused = paused or isinstance(event, PauseEvent)
    return tuple(found) if paused else ()


def pause_reason_of(event: Event) -> PauseReason | None:
    """A guard's reason for a pause; ``None``: the event is no pause."""
    return _said(event, _HELD)


def notice_of(event: Event) -> PauseReason | None:
    """What a guard told the user without pausing; ``None``: the event is no notice."""
    return _said(event, _TOLD)


def _said(event: Event, prefix: str) -> PauseReason | None:
    if not isinstance(event, ConversationErrorEvent):
        return None
    if not event.code.startswith(prefix):
        return None
    return PauseReason(event.code.removeprefix(prefix), event.detail)


def _emit(
    conversation: LocalConversation, code: str, detail: str, *, action: FailureAction
) -> None:
    # The public way in is for user messages only; the SDK emits its own limits so.
    conversation._on_event(
        ConversationErrorEvent(
            source="environment",
            code=code,
            # Commands and paths that a model chose, and clients print it as it is.
            detail=visible(detail, keep="\n"),
            # Given, since the SDK would guess one from the words of the detail.
            classification=ErrorClassification(
                kind=FailureKind.AGENT_ACTION,
                retryable=True,
                user_action=action,
            ),
        )
    )
