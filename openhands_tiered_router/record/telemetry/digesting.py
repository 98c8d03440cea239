"""Adding up a conversation's decisions."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from openhands_tiered_router.record.telemetry.digest import (
    BINS,
    DAY,
    Bin,
    Caches,
    Caching,
    Calls,
    Cell,
    Digest,
    Key,
    Turns,
    added,
)
from openhands_tiered_router.tiers import Tier


CHECKED_TTL: Final = 300
"""Seconds that prompts are taken to be kept, to check that against what was read."""


_TOGETHER: Final = 1_000
"""Calls added up at a time: there may be a million outside of conversations."""


class Row(NamedTuple):
    """A decision as the file has it: columns of ``decision_rows``, in this order."""

    key: int
    time: float
    purpose: int | None
    tier_set: int | None
    tier: int | None
    endpoint: int | None
    floor: int | None
    score: int | None
    p_mechanical: int | None
    estimated_now: int | None
    estimated_return: int | None
    weighed: int | None
    weighed_now: int | None
    weighed_return: int | None
    overhead_us: int | None
    answered: int | None
    served_tier: int | None
    served_endpoint: int | None
    prompt_tokens: int | None
    completion_tokens: int | None
    cache_read_tokens: int | None
    cache_write_tokens: int | None
    reasoning_tokens: int | None
    cost: float | None
    seconds: int | None
    attempts: str | None
    response: str | int | None
    hard: int | None
    moved: int | None
    quality: int | None
    judged: int


@dataclass(frozen=True, slots=True)
class Names:
    """What the numbers in rows stand for."""

    agent: int | None
    """Key of the purpose of the agent's own turns."""
    levels: Mapping[int, int]
    """Tiers, by key of an endpoint's name."""
    cachings: Mapping[int, tuple[Caching, ...]]
    """By key of the tier set."""


def levels_of(names: Iterable[tuple[int, str]]) -> Iterator[tuple[int, int]]:
    """The keys that name an endpoint, with its tier."""
    for key, name in names:
        try:
            yield key, int(Tier.of(name))
        except ValueError:
            continue


def digest(
    conversation: int,
    rows: Iterable[Row],
    names: Names,
    since: float = 0.0,
    until: float = float("inf"),
) -> Digest:
    """Adds up a conversation.

    Args:
        conversation: Its key.
        rows: All of its decisions that have a time, in order.
        names: What their numbers stand for.
        since: Seconds since the epoch, included. What is earlier is in no sum, but in
            the caches of what follows.
        until: Seconds since the epoch, not included.
    """
    making = _Making(names)
    for row in rows:
        making.see(row, since <= row.time < until)
    return Digest(
        conversation,
        tuple(cell.done(key) for key, cell in making.cells.items()),
        tuple(making.stronger),
        tuple(Bin(*b) for b in making.bins),
    )


class _Cell:
    """What to add up."""

    __slots__ = ("caches", "calls", "tokens", "turns")

    def __init__(self) -> None:
        self.calls: list[Calls] = []
        self.turns: list[Turns] = []
        self.caches: list[Caches] = []
        self.tokens: list[tuple[int, ...]] = []

    def add_up(self) -> None:
        self.calls = [Calls(*added(self.calls))]
        self.turns = [Turns(*added(self.turns))]
        self.caches = [Caches(*added(self.caches))]
        self.tokens = [tuple(added(self.tokens))] if self.tokens else []

    def done(self, key: Key) -> Cell:
        self.add_up()
        tokens = self.tokens[0] if self.tokens else ()
        return Cell(key, self.calls[0], self.turns[0], self.caches[0], tokens)


class _Making:
    def __init__(self, names: Names) -> None:
        self.names = names
        self.cells: dict[Key, _Cell] = {}
        self.stronger = [0] * len(Tier)
        self.bins = [[0, 0, 0] for _ in range(BINS)]
        self._sent = 0
        self._end = float("-inf")

    def see(self, row: Row, counts: bool) -> None:
        turn = row.purpose == self.names.agent
        kept = gap = 0
        if turn and row.answered:
            prompt = row.prompt_tokens or 0
            kept, gap = min(prompt, self._sent), row.time - self._end
            self._sent, self._end = prompt, row.time + (row.seconds or 0) / 1e6
        if not counts:
            return
        rival = self.names.levels.get(row.weighed, -1) if row.weighed else -1
        if row.weighed is not None and row.tier is not None:
            self.stronger[max(row.tier, rival)] += 1
        served = -1 if row.served_tier is None else row.served_tier
        leaked = row.hard == 1 and 0 <= served < rival
        cell = self._cell(row)
        cell.calls.append(_calls(row, leaked))
        if turn:
            self._turn(cell, row, leaked, kept, gap)
        if len(cell.calls) == _TOGETHER:
            cell.add_up()

    def _cell(self, row: Row) -> _Cell:
        served, endpoint = row.served_tier, row.served_endpoint
        key = Key(
            row.tier_set,
            int(row.time // DAY),
            row.tier if served is None else served,
            row.endpoint if endpoint is None else endpoint,
            0 if row.judged < 0 else row.judged & 3,
        )
        cell = self.cells.get(key)
        if cell is None:
            cell = self.cells[key] = _Cell()
        return cell

    def _turn(self, cell: _Cell, row: Row, leaked: bool, kept: int, gap: float) -> None:
        if row.answered and row.cost is not None:
            cell.turns.append(_turns(row, leaked))
            cell.tokens.append(self._tokens(row, kept, gap))
        if row.moved is not None:
            cell.caches.append(_caches(row, kept, gap))
        if row.hard is not None and row.p_mechanical:
            found = self.bins[min(row.p_mechanical * BINS // 1_000_000, BINS - 1)]
            found[0] += row.p_mechanical
            found[1] += row.hard == 0
            found[2] += 1

    def _tokens(self, row: Row, kept: int, gap: float) -> tuple[int, ...]:
        prompt, output = row.prompt_tokens or 0, row.completion_tokens or 0
        tokens: tuple[int, ...] = ()
        for ttl, above in self.names.cachings.get(row.tier_set or 0, ()):
            mine = (kept if gap <= ttl else 0, prompt, output)
            long = above is not None and prompt > above
            tokens += (0, 0, 0, *mine) if long else (*mine, 0, 0, 0)
        return tokens


def _calls(row: Row, leaked: bool) -> Calls:
    answered = bool(row.answered)
    quality = -1 if row.quality is None else row.quality
    tried = answered and row.attempts is not None
    return Calls(
        calls=1,
        answered=answered,
        failed=row.answered == 0,
        failovers=tried and len(json.loads(row.attempts or "[]")) > 1,
        unpriced=answered and row.cost is None,
        cost=row.cost or 0.0,
        prompt_tokens=row.prompt_tokens or 0,
        completion_tokens=row.completion_tokens or 0,
        cache_read_tokens=row.cache_read_tokens or 0,
        cache_write_tokens=row.cache_write_tokens or 0,
        reasoning_tokens=row.reasoning_tokens or 0,
        overhead_us=row.overhead_us or 0,
        moved=row.moved == 1,
        held=row.moved == 0,
        hard=row.hard == 1,
        leaked=leaked,
        points=max(quality, 0),
        assessed=quality >= 0,
    )


def _turns(row: Row, leaked: bool) -> Turns:
    return Turns(
        turns=1,
        cost=row.cost or 0.0,
        score=row.score or 0,
        scored=row.score is not None,
        judged=row.hard is not None,
        hard=row.hard == 1,
        leaked=leaked,
    )


def _caches(row: Row, kept: int, gap: float) -> Caches:
    read = row.cache_read_tokens or 0
    if row.moved:
        return Caches(switched=1, again=max(kept - read, 0))
    soon = gap <= CHECKED_TTL
    cheaper = (row.weighed_now is not None and row.estimated_now is not None) and (
        row.weighed_now < row.estimated_now
    )
    return Caches(
        held=1,
        cheaper=cheaper,
        gain=_gain(row) if cheaper else 0,
        predicted=kept if soon else 0,
        read=read if soon else 0,
    )


def _gain(row: Row) -> int:
    mine, other = row.estimated_return, row.weighed_return
    if mine is None or other is None:
        return 0
    return (row.weighed_now or 0) + other - (row.estimated_now or 0) - mine
