"""What all guards are: event callbacks that never end a run by a fault of their own."""

from __future__ import annotations

import logging
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar, Final, Protocol
from weakref import WeakKeyDictionary

from openhands.sdk import LocalConversation
from openhands.sdk.conversation import ConversationCallbackType
from openhands.sdk.event import Event


def current_conversation() -> LocalConversation | None:
    """The conversation that is emitting an event right now; ``None``: not known.

    The SDK passes callbacks the event alone, and a conversation takes its callbacks in
    its constructor. What calls them is a closure of the conversation, two or three
    frames up, so it is read off the call stack: that needs no second line of wiring,
    and is right for one callback in several conversations. ``None`` in callbacks of a
    ``RemoteConversation``, where the conversation itself is in another process.
    """
    frame = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        # Names first: reading a frame's variables copies all of them.
        if "self" in code.co_freevars or "self" in code.co_varnames[:1]:
            owner = frame.f_locals.get("self")
            if isinstance(owner, LocalConversation):
                return owner
        frame = frame.f_back
    return None


logger = logging.getLogger(__name__)

_present: WeakKeyDictionary[LocalConversation, set[str]] = WeakKeyDictionary()
"""The guards that a conversation calls back by itself."""


class Journal(Protocol):
    """Where a guard writes down what it did: the telemetry, but for its kind."""

    def note(
        self,
        guard: str,
        kind: str,
        *,
        conversation_id: str | None,
        time: float,
        **detail: str | int | float | bool | None,
    ) -> None:
        """Takes an event of a guard; must neither block nor raise."""
        ...


class Guard(ABC):
    """One guard, for ``Conversation(callbacks=[...])``.

    It keeps nothing of a conversation that cannot be worked out again from the
    conversation's own state, so one guard may serve several of them.
    """

    name: ClassVar[str]
    """A short word; what a guard tells the user is marked with it."""

    def __init__(self) -> None:
        self._warned = False

    @abstractmethod
    def see(self, conversation: LocalConversation, event: Event) -> None:
        """Looks at an event, which is on disk by now. Must not block."""

    def __call__(self, event: Event) -> None:
        """What the SDK calls, under the conversation's state lock."""
        conversation = current_conversation()
        if conversation is None:
            self._warn("it has no conversation here; guards work where the agent runs")
            return
        _present.setdefault(conversation, set()).add(self.name)
        self.guarded(conversation, event)

    def guarded(self, conversation: LocalConversation, event: Event) -> None:
        """``see``, but a fault is logged: a raising callback would end the run."""
        try:
            self.see(conversation, event)
        except Exception as error:
            self._warn(f"it failed with {type(error).__name__} and let the event pass")

    def _warn(self, text: str) -> None:
        if not self._warned:
            self._warned = True
            logger.error("guard %s: %s", self.name, text)


def is_present(name: str, conversation: LocalConversation) -> bool:
    """Whether a guard of that name is among a conversation's callbacks."""
    return name in _present.get(conversation, ())


logger = logging.getLogger(__name__)

ROUTED: Final = "router"
"""Name of the guard that runs all callbacks of a router."""

type Callback = Callable[[Event], None]

_watched: WeakKeyDictionary[LocalConversation, Sequence[Callback]] = WeakKeyDictionary()


# An agent-server takes no callbacks from its clients, and a fork does not inherit them.
# The agent goes along with both, so its step calls what the conversation does not.
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
