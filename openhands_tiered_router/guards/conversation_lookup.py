"""Which conversation an event callback is called for."""

from __future__ import annotations

import sys

from openhands.sdk import LocalConversation


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
