"""Asking at the terminal for what waits for a yes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from openhands_tiered_router.redaction import visible


if TYPE_CHECKING:
    from openhands.sdk import LocalConversation, RemoteConversation


def waits(conversation: LocalConversation) -> bool:
    """Whether some action waits for the user's yes."""
    from openhands_tiered_router.guards.confirm.queue import waiting

    return bool(waiting(conversation)) or stopped(conversation)


def can_ask() -> bool:
    """Whether somebody is there to answer."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def ask(conversation: LocalConversation) -> None:
    """Asks for each, and tells the agent; the next run goes on with the answers."""
    from openhands_tiered_router.guards.confirm.queue import (
        approve,
        describe,
        reject,
        waiting,
    )

    if stopped(conversation):
        ask_for_all(conversation)
        return
    yes: list[int] = []
    no: list[int] = []
    for entry in waiting(conversation):
        action = visible(describe(conversation, entry))
        question = f"{action}\n  {visible(entry.reason)}. Run it?"
        answers = yes if click.confirm(question, err=True) else no
        answers.append(entry.number)
    approve(conversation, *yes)
    reject(conversation, *no)


def ask_for_all(conversation: LocalConversation | RemoteConversation) -> None:
    """The SDK's own confirmation: the next run is the yes to all that is pending."""
    from openhands.sdk.conversation.state import ConversationState

    pending = ConversationState.get_unmatched_actions(conversation.state.events)
    for event in pending:
        call = event.tool_call
        click.echo(visible(f"{event.tool_name} {call.arguments}"), err=True)
    if not click.confirm("Run all of it?", err=True):
        conversation.reject_pending_actions("The user said no.")


def stopped(conversation: LocalConversation | RemoteConversation) -> bool:
    """Whether the SDK's own confirmation waits: to run is to say yes."""
    from openhands.sdk.conversation.state import ConversationExecutionStatus as Status

    status = conversation.state.execution_status
    return status is Status.WAITING_FOR_CONFIRMATION
