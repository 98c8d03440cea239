"""Asking at the terminal for what waits for a yes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from openhands_tiered_router.redaction import visible
from openhands_tiered_router.resolver.ending import stopped


if TYPE_CHECKING:
    from openhands.sdk import LocalConversation, RemoteConversation


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
        question = f"{action}\n  {entry.reason}. Run it?"
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


def ask_there(conversation: RemoteConversation) -> bool:
    """As ``ask_for_all``; false where Ctrl-C was the answer: neither yes nor no."""
    try:
        ask_for_all(conversation)
    except click.Abort:
        return False
    return True
