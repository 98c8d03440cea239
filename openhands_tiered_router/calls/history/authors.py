"""Which endpoint wrote which assistant message."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import TYPE_CHECKING, Final


if TYPE_CHECKING:
    from openhands.sdk.event import Event
    from openhands.sdk.llm import Message


LIMIT: Final = 20_000
"""Assistant messages remembered; about 3 MB. The oldest are forgotten first."""
NO_ANSWER: Final = "(no answer)"
"""Stands where an assistant message says nothing and calls nothing."""


class Authors:
    """Remembers the author of each answer; an unknown one counts as foreign.

    A ``Message`` that comes back from the SDK's event log has no response id, and
    the agent may have rewritten its tool names, arguments and secrets. What it
    never touches are call ids and what the provider signed, so those identify it.
    """

    def __init__(self) -> None:
        self._endpoints: dict[bytes, str | None] = {}
        self.generation: int = 0
        """Changes when an author that was asked for before has become known."""

    def record(self, message: Message, endpoint: str) -> None:
        """Notes that ``endpoint`` gave the answer ``message``."""
        first = fingerprint(message)
        # The log may split an answer into one message per call.
        rest = [_digest("call", call.id) for call in (message.tool_calls or [])[1:]]
        for digest in (first, *rest):
            if self._endpoints.pop(digest, "") is None:
                self.generation += 1
            self._remember(digest, endpoint)

    def of(self, message: Message) -> str | None:
        """The key of the endpoint that wrote ``message``; ``None``: not known."""
        digest = fingerprint(message)
        if digest not in self._endpoints:
            self._remember(digest, None)
        return self._endpoints.get(digest)

    def disown(self, endpoint: str) -> None:
        """Forgets all that ``endpoint`` wrote: even to itself it is foreign now."""
        self._endpoints = {d: e for d, e in self._endpoints.items() if e != endpoint}
        self.generation += 1

    def recall(
        self, events: Iterable[Event], endpoints: Mapping[str, str | None]
    ) -> None:
        """Notes the authors of a conversation that is resumed.

        Args:
            events: The conversation's events.
            endpoints: Endpoint by response id; ``None``: not known.
        """
        from openhands.sdk.event import ActionEvent, MessageEvent

        for event in events:
            if isinstance(event, (ActionEvent, MessageEvent)):
                endpoint = endpoints.get(event.llm_response_id or "")
                if endpoint is not None:
                    self.record(event.to_llm_message(), endpoint)

    def _remember(self, digest: bytes, endpoint: str | None) -> None:
        if len(self._endpoints) >= LIMIT:
            self._endpoints.pop(next(iter(self._endpoints)), None)
        self._endpoints[digest] = endpoint


def fingerprint(message: Message) -> bytes:
    """16 bytes that stay the same from the answer to its replay from the log."""
    signed = [
        block.signature or "" if block.type == "thinking" else block.data
        for block in message.thinking_blocks
    ]
    item = message.responses_reasoning_item
    if item is not None:
        signed.append(item.id or "")
    if message.tool_calls:
        return _digest("call", message.tool_calls[0].id, *signed)
    texts = [part.text for part in message.content if part.type == "text"]
    said = [text for text in texts if text and not text.isspace()]
    return _digest("text", *(said or [NO_ANSWER]), *signed)


def _digest(*parts: str) -> bytes:
    text = "\0".join(parts)
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
