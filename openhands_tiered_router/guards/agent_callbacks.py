"""Callbacks for conversations that have none: inside the agent's own step.

An agent-server takes no callbacks from its clients, and a fork does not inherit them.
The agent goes along with both, so its step calls what the conversation does not.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Final
from weakref import WeakKeyDictionary

from openhands.sdk import LocalConversation
from openhands.sdk.conversation import ConversationCallbackType
from openhands.sdk.event import Event

from openhands_tiered_router.guards.guard import Guard, is_present


logger = logging.getLogger(__name__)

ROUTED: Final = "router"
"""Name of the guard that runs all callbacks of a router."""

type Callback = Callable[[Event], None]

_watched: WeakKeyDictionary[LocalConversation, Sequence[Callback]] = WeakKeyDictionary()


def watched(
    conversation: LocalConversation,
    make: Callable[[], Sequence[Callback]],
    on_event: ConversationCallbackType,
) -> ConversationCallbackType:
    """``on_event``, followed by those callbacks that the conversation lacks.

    Args:
        conversation: Whose step it is.
        make: The callbacks; asked once for each conversation.
        on_event: What the conversation gave its agent.
    """

    def both(event: Event) -> None:
        on_event(event)
        # Only now, since what the conversation calls has made itself known by now.
        callbacks = _watched.get(conversation)
        if callbacks is None:
            callbacks = _watched[conversation] = _lacking(conversation, make)
        if callbacks:
            event = _stored(conversation, event)
        for callback in callbacks:
            if isinstance(callback, Guard):
                callback.guarded(conversation, event)
            else:
                callback(event)

    return both


def _lacking(
    conversation: LocalConversation, make: Callable[[], Sequence[Callback]]
) -> Sequence[Callback]:
    if is_present(ROUTED, conversation):
        return ()
    try:
        made = make()
    except Exception as error:
        logger.error("no guards in this conversation: %s", type(error).__name__)
        return ()
    return tuple(
        each
        for each in made
        if not (isinstance(each, Guard) and is_present(each.name, conversation))
    )


def _stored(conversation: LocalConversation, event: Event) -> Event:
    """The event as it is in the log: with its place in the tree of events."""
    events = conversation.state.events
    try:
        return events[events.get_index(event.id)]
    except KeyError:  # a hook put another in its place
        return event
