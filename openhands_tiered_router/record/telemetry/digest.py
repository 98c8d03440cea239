"""What reports need of a conversation, added up: a few rows instead of each turn."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from openhands_tiered_router.tiers import Endpoint, TierSet


if TYPE_CHECKING:
    import msgspec

DAY: Final = 86_400
"""Seconds. Days are those of UTC."""

BINS: Final = 10
"""Of predicted probabilities, a tenth each."""


class Calls(NamedTuple):
    """Sums over decisions."""

    calls: int
    answered: int
    failed: int
    failovers: int
    unpriced: int
    cost: float
    """USD."""
    prompt_tokens: int
    completion_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int
    overhead_us: int
    moved: int
    held: int
    hard: int
    leaked: int
    points: int
    """Of the quality of those that were judged."""
    assessed: int


class Turns(NamedTuple):
    """Sums over the agent's answered turns with a known price."""

    turns: int = 0
    cost: float = 0.0
    """USD."""
    score: int = 0
    """Millionths of complexity, of those that have one."""
    scored: int = 0
    judged: int = 0
    hard: int = 0
    leaked: int = 0


class Caches(NamedTuple):
    """Sums over the agent's turns that held or switched their endpoint."""

    held: int = 0
    switched: int = 0
    again: int = 0
    """Tokens of switched turns that the turn before had sent, and that were not read
    from a cache."""
    cheaper: int = 0
    """Held turns although what they were weighed against was cheaper for them."""
    gain: int = 0
    """Billionths of USD that these were expected to save, later costs included."""
    predicted: int = 0
    """Tokens of held turns that the turn before had sent a short time ago."""
    read: int = 0
    """Tokens of these turns that were read from caches."""


class Key(NamedTuple):
    """What the decisions of a cell have in common."""

    tier_set: int | None
    day: int
    tier: int | None
    """That served; for calls without an answer, that was chosen. So is the endpoint."""
    endpoint: int | None
    """Key of its name."""
    provision: int


class Cell(NamedTuple):
    """Decisions of a conversation that are alike in ``key``."""

    key: Key
    calls: Calls
    turns: Turns
    caches: Caches
    tokens: tuple[int, ...]
    """For each of ``cachings`` of the tier set, six: of turns with prompts up to
    ``above`` and of longer ones, warm tokens, prompt's and answer's."""


class Bin(NamedTuple):
    """Turns whose predicted probability of being mechanical was alike."""

    predicted: int = 0
    """Millionths, in sum."""
    mechanical: int = 0
    turns: int = 0


@dataclass(frozen=True, slots=True)
class Digest:
    """All that is added up of one conversation."""

    conversation: int
    cells: tuple[Cell, ...]
    stronger: tuple[int, ...]
    """Choices that were weighed, by the tier of the stronger side."""
    bins: tuple[Bin, ...]


def added(rows: Iterable[tuple[Any, ...]]) -> Iterable[Any]:
    """Each column's sum."""
    return map(sum, zip(*rows, strict=True))


class Caching(NamedTuple):
    """What of an endpoint decides how its prompts would have been counted."""

    ttl: float
    above: int | None
    """Tokens past which a prompt costs more; ``None``: it never does."""

    @classmethod
    def of(cls, endpoint: Endpoint) -> Caching:
        long = endpoint.prices.long_context if endpoint.prices else None
        return cls(endpoint.cache_ttl, long.above if long else None)


def cachings(tiers: TierSet | None) -> tuple[Caching, ...]:
    """The different ones of a tier set's endpoints."""
    found = () if tiers is None else map(Caching.of, tiers.endpoints)
    return tuple(dict.fromkeys(found))


def encoded(digest: Digest) -> bytes:
    """As the file keeps it: compressed JSON."""
    parts = (digest.cells, digest.stronger, digest.bins)
    return zlib.compress(json.dumps(parts, separators=(",", ":")).encode(), 6)


def decoded(conversation: int, body: bytes) -> Digest:
    """What ``encoded`` was given.

    Raises:
        ValueError: It is something else.
    """
    # Here, because a shell's prompt need not wait for it.
    import msgspec

    try:
        return Digest(conversation, *_decoder().decode(zlib.decompress(body)))
    except (msgspec.DecodeError, zlib.error) as error:
        raise ValueError(f"not a digest: {type(error).__name__}") from None


@cache
def _decoder() -> msgspec.json.Decoder[_Parts]:
    import msgspec

    return msgspec.json.Decoder(_Parts)


_Parts = tuple[tuple[Cell, ...], tuple[int, ...], tuple[Bin, ...]]
