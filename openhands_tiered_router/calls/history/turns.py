"""A history in turns: each tool call together with its result."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from openhands.sdk.llm import Message


Turn = tuple["Message", ...]
"""One message, or an assistant message that calls tools and then the results."""


def split(messages: Iterable[Message]) -> list[list[Message]]:
    """The turns of ``messages`` in order; a result that came late joins its call.

    A result that no call waits for is a turn of its own. Of two calls that wait
    with the same id the later one gets the result.
    """
    turns: list[list[Message]] = []
    waiting: dict[str, list[list[Message]]] = {}
    for message in messages:
        if message.role == "tool" and message.tool_call_id is not None:
            callers = waiting.get(message.tool_call_id)
            if callers:
                callers.pop().append(message)
                continue
        turn = [message]
        turns.append(turn)
        if message.role == "assistant" and message.tool_calls:
            for call in message.tool_calls:
                waiting.setdefault(call.id, []).append(turn)
    return turns
