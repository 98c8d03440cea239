"""How a prompt is marked for its provider's cache, beyond what the SDK marks.

The SDK marks the system prompt and the newest user or tool message. Anthropic looks
back at most 20 content blocks from a mark, so an endpoint that others stood in for
would not find its own prefix again: its last end gets a mark too. A prefix that was
bought for an hour keeps a mark for an hour at its end, before those for five minutes,
as the API demands: together the four that are allowed. A mark costs nothing: tokens
are charged by what is read and written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from openhands.sdk.llm import LLM, Message

from openhands_tiered_router.calls.fleet import SessionRecord
from openhands_tiered_router.policy.economics.lifetime import (
    HOUR,
    CacheSettings,
    sells_hour,
)
from openhands_tiered_router.policy.outcome import Usage
from openhands_tiered_router.sdk.messages import fingerprint
from openhands_tiered_router.tiers import Endpoint


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is sent to an endpoint."""

    messages: list[Message]
    ttl: float
    """Seconds for which the provider keeps it."""


class HourMessage(Message):
    """A message whose cache marks ask for an hour: the SDK's have no lifetime."""

    def to_chat_dict(self, **flags: Any) -> dict[str, Any]:
        chat = super().to_chat_dict(**flags)
        content = chat.get("content")
        parts = content if isinstance(content, list) else []
        for part in (chat, *parts):
            if "cache_control" in part:
                part["cache_control"] = {"type": "ephemeral", "ttl": "1h"}
        return chat


def prompt_for(
    record: SessionRecord,
    endpoint: Endpoint,
    llm: LLM,
    messages: list[Message],
    settings: CacheSettings,
    ttl: float | None,
    now: float,
    *,
    responses: bool = False,
) -> Prompt:
    """``messages`` with our marks; as they are for a model that wants none.

    Args:
        record: The conversation's; remembers where each endpoint's last prompt ended.
        endpoint: Where they go.
        llm: Its model.
        messages: As the endpoint accepts them; not mutated.
        settings: ``[cache]``.
        ttl: Seconds for which the decision buys what is written, if not the usual.
        now: Epoch seconds.
        responses: Whether they go over the Responses API, which has no marks.
    """
    if not messages or not llm.is_caching_prompt_active() or responses:
        return Prompt(messages, endpoint.cache_ttl)
    last = _markable(messages, len(messages))
    before = long_end = None
    if settings.breakpoints:
        before = _last_end(record.ends, endpoint, messages)
    # Without native tool calls the SDK rewrites messages and drops the lifetime.
    marks_hours = sells_hour(endpoint) and llm.native_tool_calling
    if marks_hours and settings.breakpoints and _kept_long(record, endpoint, now):
        long_end = _last_end(record.long_ends, endpoint, messages)
    places = {p for p in (before, long_end) if p is not None}
    for place in places - {last}:
        messages = _replaced(messages, place, _marked(messages[place]))
    marked = {0, *places} | ({last} if last is not None else set())
    if ttl == HOUR and marks_hours:
        hours, bought = marked, HOUR
    elif long_end is not None:
        # None for an hour may follow one for five minutes.
        hours, bought = {p for p in marked if p <= long_end}, endpoint.cache_ttl
    else:
        return Prompt(messages, endpoint.cache_ttl)
    for place in hours:
        messages = _replaced(messages, place, _for_an_hour(messages[place]))
    return Prompt(messages, bought)


def _kept_long(record: SessionRecord, endpoint: Endpoint, now: float) -> bool:
    """Whether a prefix that was bought for an hour is expected to be there still."""
    prefix = record.state.warm.get(endpoint.cache_id)
    if prefix is None or not prefix.long_tokens:
        return False
    return prefix.alive(now, endpoint.cache_ttl) >= prefix.long_tokens


def note_end(
    record: SessionRecord, endpoint: Endpoint, prompt: Prompt, usage: Usage
) -> None:
    """Remembers where the prompt ended, if the provider says that it caches it."""
    if usage.cache_read or usage.cache_write:
        end = len(prompt.messages), fingerprint(prompt.messages[-1])
        record.ends[endpoint.cache_id] = end
        if prompt.ttl == HOUR:
            record.long_ends[endpoint.cache_id] = end


def _last_end(
    ends: Mapping[str, tuple[int, int]],
    endpoint: Endpoint,
    messages: Sequence[Message],
) -> int | None:
    """Index of the message that was marked at that end, if it is still the same."""
    count, seen = ends.get(endpoint.cache_id, (0, 0))
    if not 0 < count <= len(messages) or fingerprint(messages[count - 1]) != seen:
        return None
    return _markable(messages, count)


def _markable(messages: Sequence[Message], count: int) -> int | None:
    """Index of the last of the first ``count`` that the SDK would mark."""
    for i in range(count - 1, -1, -1):
        if messages[i].role in ("user", "tool") and messages[i].content:
            return i
    return None


def _marked(message: Message) -> Message:
    *others, last = message.content
    marked = last.model_copy(update={"cache_prompt": True})
    return message.model_copy(update={"content": [*others, marked]})


def _for_an_hour(message: Message) -> Message:
    fields = message.__dict__
    return HourMessage.model_construct(set(message.model_fields_set), **fields)


def _replaced(messages: list[Message], place: int, message: Message) -> list[Message]:
    return [*messages[:place], message, *messages[place + 1 :]]
