"""Making a message history acceptable to another model."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from hashlib import blake2b
from itertools import count
from operator import is_
from typing import TYPE_CHECKING, Any, Final

from openhands_tiered_router.calls.history import rules
from openhands_tiered_router.calls.history.authors import Authors
from openhands_tiered_router.calls.history.rules import Context, Turn, split
from openhands_tiered_router.calls.history.target import Target
from openhands_tiered_router.tokens.masking import KEEP


if TYPE_CHECKING:
    from openhands.sdk.llm import Message


class HistoryAdapter:
    """Makes a history acceptable to one endpoint, at the price of what is new.

    Keeps the turns of the last call, no more. The SDK makes new ``Message`` objects
    from its events at each step, so turns are recognised by their fields; what is
    inside those (content parts, tool calls) must not be mutated between calls,
    which the SDK does not do either. Threads may share an adapter.
    """

    def __init__(self, target: Target, authors: Authors) -> None:
        self.target = target
        self._authors = authors
        self._entries: list[_Entry] = []

    def adapt(self, messages: list[Message]) -> list[Message]:
        """``messages``, which are not mutated, as the target accepts them; the same
        list if nothing had to change."""
        target = self.target
        turns = split(messages)
        entries = self._recall(turns)
        self._entries = entries
        own = _own(entries, target)
        ids = _choose_ids(entries, own, target)
        unseen = _unseen(entries, target) if target.shortens else frozenset()
        adapted: list[Message] = []
        for number, (turn, entry) in enumerate(zip(turns, entries, strict=True)):
            context = Context(target, own[number], ids[number], number in unseen)
            changed = entry.changed(turn, context)
            adapted += turn if changed is None else changed
        same = len(adapted) == len(messages) and all(map(is_, adapted, messages))
        return messages if same else adapted

    def retarget(self, target: Target, *, disown: bool) -> None:
        """Goes on with what an error has taught about the endpoint.

        Args:
            target: The endpoint as it is now known.
            disown: It refuses what it signed; all of it counts as foreign from now.
        """
        if disown:
            self._authors.disown(target.key)
        self.target = target
        self._entries = []

    def _recall(self, turns: list[list[Message]]) -> list[_Entry]:
        """An entry for each turn, the last call's where the turn is the same."""
        known = self._entries
        generation = self._authors.generation
        entries = []
        for i, turn in enumerate(turns):
            entry = known[i] if i < len(known) else None
            if entry is None or not entry.is_of(turn, generation):
                entry = _Entry(turn, self._authors)
            entries.append(entry)
        return entries


class _Entry:
    """What is known of one turn, and what it was last adapted to."""

    __slots__ = (
        "_generation",
        "_result",
        "_source",
        "author",
        "calls",
        "has_results",
        "role",
        "thinks",
    )

    def __init__(self, turn: list[Message], authors: Authors) -> None:
        head = turn[0]
        self.role = head.role
        self.calls: tuple[str, ...] = ()
        self.author: str | None = None
        self.thinks = bool(head.thinking_blocks)
        self.has_results = len(turn) > 1
        if head.role == "assistant":
            self.calls = tuple(call.id for call in head.tool_calls or ())
            if len(set(self.calls)) == len(self.calls):
                # Ids that repeat within a message must change, whoever chose them.
                self.author = authors.of(head)
        self._generation = authors.generation
        self._source = [dict(message.__dict__) for message in turn]
        self._result: tuple[Context, Turn | None] | None = None

    def is_of(self, turn: list[Message], generation: int) -> bool:
        """Whether ``turn`` has the same fields."""
        source = self._source
        return (
            self._generation == generation
            and len(source) == len(turn)
            and all(map(_same, source, turn))
        )

    def changed(self, turn: list[Message], context: Context) -> Turn | None:
        """The turn as the rules want it; ``None``: as it is."""
        result = self._result
        if result is None or result[0] != context:
            before = tuple(turn)
            after = rules.apply(before, context)
            result = (context, None if after is before else after)
            self._result = result
        return result[1]


def _same(source: dict[str, Any], message: Message) -> bool:
    """Whether ``message`` still has the fields ``source``.

    Comparing dictionaries stops at identical values, which is what an action event
    gives to each message it makes. Results get new content parts each time; comparing
    those as pydantic models would cost more than everything else here.
    """
    fields = message.__dict__
    if message.role != "tool":
        return source == fields
    return (
        source["tool_call_id"] == fields["tool_call_id"]
        and source["role"] == "tool"
        and source["name"] == fields["name"]
        and [part.__dict__ for part in source["content"]]
        == [part.__dict__ for part in fields["content"]]
    )


def _own(entries: list[_Entry], target: Target) -> list[bool]:
    """Which turns the target wrote and may have back with what it signed."""
    mine = [entry.author == target.key for entry in entries]
    if target.thinking_blocks and _loop_allows_thinking(entries, mine, target):
        return mine
    return [own and not entry.thinks for entry, own in zip(entries, mine, strict=True)]


def _loop_allows_thinking(
    entries: list[_Entry], mine: list[bool], target: Target
) -> bool:
    """Whether the current tool loop lets thinking blocks be sent at all.

    With manual thinking Claude wants the loop to open with a thinking block, and
    litellm turns thinking off only if no block is left anywhere in the history.
    """
    if target.thinking != "manual":
        return True
    opens = True
    for i in range(len(entries) - 1, -1, -1):
        entry = entries[i]
        if entry.role == "assistant":
            if not mine[i]:
                return False
            opens = entry.thinks or not entry.calls
        elif entry.role != "system" and not (i and entries[i - 1].calls):
            # A message right after a tool result still belongs to its loop:
            # Claude's wire format puts both into one message.
            return opens
    return opens


def _choose_ids(
    entries: list[_Entry], own: list[bool], target: Target
) -> list[tuple[str, ...]]:
    """The ids that each turn's calls get: the target's own stay as they are."""
    clean = short_id if target.short_ids else clean_id
    kept = {
        id_ for e, mine in zip(entries, own, strict=True) if mine for id_ in e.calls
    }
    taken = set(kept)
    chosen = []
    for entry, mine in zip(entries, own, strict=True):
        ids = entry.calls
        if ids and not mine:
            ids = distinct(ids, taken, clean)
        chosen.append(ids)
    return chosen


def _unseen(entries: list[_Entry], target: Target) -> frozenset[int]:
    """The turns whose results the target never saw, and now gets as notices.

    Each time that it took over, those were all that others had seen meanwhile but the
    newest. A function of the history and its authors: what it got as a notice stays
    one, and what it saw stays whole, so its own cache holds. Results before an answer
    of an unknown author count as seen.
    """
    unseen: set[int] = set()
    results: list[int] = []
    seen = 0
    for number, entry in enumerate(entries):
        if entry.role == "assistant" and entry.author in (target.key, None):
            if entry.author is not None:
                unseen.update(results[seen : max(len(results) - KEEP, seen)])
            seen = len(results)
        if entry.has_results:
            results.append(number)
    unseen.update(results[seen : max(len(results) - KEEP, seen)])
    return frozenset(unseen)


MAX_ID: Final = 40
"""Characters; OpenAI's chat limit, and short enough for ``fc_`` before it (64)."""
SHORT: Final = 9
"""Characters of an id at Mistral, exactly."""
THOUGHT: Final = "__thought__"
"""What litellm puts between a Gemini call id and its thought signature."""
_NOT_IN_ID: Final = re.compile(r"[^A-Za-z0-9_-]")
_SHORT_ID: Final = re.compile(r"[A-Za-z0-9]{9}")

Clean = Callable[[str], str]


@lru_cache(maxsize=4096)
def clean_id(id_: str) -> str:
    """``id_`` in letters, digits, ``_`` and ``-``; unchanged if it is such already."""
    plain = _NOT_IN_ID.sub("_", id_.split(THOUGHT, 1)[0])
    if len(plain) > MAX_ID:
        # The end is what differs between ids with a long common prefix.
        return f"{plain[: MAX_ID - SHORT - 1]}_{_hash(id_)}"
    return plain or "call"


@lru_cache(maxsize=4096)
def short_id(id_: str) -> str:
    """``id_`` as nine letters or digits; unchanged if it is such already."""
    return id_ if _SHORT_ID.fullmatch(id_) else _hash(id_)


def distinct(ids: Iterable[str], taken: set[str], clean: Clean) -> tuple[str, ...]:
    """``ids`` cleaned, and where one is ``taken`` made another; adds them to it.

    What an id becomes depends on those before it alone, so a history that grows
    keeps the prefix that a provider has cached.
    """
    chosen: list[str] = []
    for id_ in ids:
        new = clean(id_)
        if new in taken:
            tries = (clean(f"{new[: MAX_ID - 6]}_{n}") for n in count(2))
            new = next(other for other in tries if other not in taken)
        taken.add(new)
        chosen.append(new)
    return tuple(chosen)


def _hash(id_: str) -> str:
    encoded = id_.encode("utf-8", "surrogatepass")
    return blake2b(encoded, digest_size=8).hexdigest()[:SHORT]
