"""How many tokens a request has, how many are cached, and what they cost.

No tokenizer: a text of ``n`` characters counts ``ceil(n / 4)`` tokens, the usual
rule of thumb for English. What matters here is that the same text always counts
the same, so that caching and money can be checked to the last digit.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from openhands_tiered_router.policy.outcome import Usage
from openhands_tiered_router.tiers import Prices


CHARACTERS_PER_TOKEN: Final = 4
MINIMUM_PREFIX: Final = 1024
"""Fewest tokens that OpenAI and most Anthropic models cache (their documentation)."""
OPENAI_INCREMENT: Final = 128
"""OpenAI caches in steps of this many tokens (its prompt caching guide)."""
ANTHROPIC_LOOKBACK: Final = 20
"""Blocks before a breakpoint where Anthropic looks for an earlier write."""
EXTENDED_TTL: Final = 3600.0
"""Seconds that an Anthropic ``"ttl": "1h"`` write is kept."""


def count_tokens(text: str) -> int:
    """Tokens of a text by the rule above."""
    return -(-len(text) // CHARACTERS_PER_TOKEN)


def serialise(value: Any) -> str:
    """Canonical JSON without cache markers, so that equal content is equal text."""
    return json.dumps(
        _without_markers(value),
        ensure_ascii=False,
        sort_keys=True,
        separators=(",", ":"),
    )


def _without_markers(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            k: _without_markers(v) for k, v in value.items() if k != "cache_control"
        }
    if isinstance(value, list):
        return [_without_markers(v) for v in value]
    return value


@dataclass(frozen=True, slots=True)
class Block:
    """One piece of a prompt that is cached as a whole."""

    text: str
    marker: str | None = None
    """Lifetime asked for by a cache breakpoint at its end: ``5m`` or ``1h``."""


@dataclass(frozen=True, slots=True)
class Metered:
    """Tokens of one call, with the writes that are kept an hour apart."""

    usage: Usage
    write_1h: int = 0
    """The part of ``usage.cache_write`` that is kept an hour."""


@dataclass(slots=True)
class _Entry:
    used: float
    ttl: float


class PromptCache:
    """The prompt caches of all models of one provider.

    Args:
        ttl: Seconds that an unused prefix is kept.
        clock: Seconds from any fixed point.
    """

    def __init__(self, ttl: float, clock: Callable[[], float]) -> None:
        self._ttl = ttl
        self._clock = clock
        self._prefixes: dict[tuple[str, bytes], _Entry] = {}

    def automatic(self, model: str, blocks: Sequence[Block]) -> Metered:
        """OpenAI's way: every prompt is cached, reads in steps, writes are free."""
        ends = _prefix_ends(blocks)
        hit = next((e for e in reversed(ends) if self._read(model, e)), None)
        for end in ends:
            self._write(model, end, self._ttl)
        tokens = ends[-1].tokens if ends else 0
        cached = hit.tokens // OPENAI_INCREMENT * OPENAI_INCREMENT if hit else 0
        read = cached if cached >= MINIMUM_PREFIX else 0
        return Metered(Usage(prompt=tokens, cache_read=read))

    def explicit(self, model: str, blocks: Sequence[Block]) -> Metered:
        """Anthropic's way: only prefixes that end at a breakpoint are written."""
        ends = _prefix_ends(blocks)
        tokens = ends[-1].tokens if ends else 0
        marks = [
            i
            for i, end in enumerate(ends)
            if blocks[i].marker and end.tokens >= MINIMUM_PREFIX
        ]
        read = self._longest_read(model, ends, marks)
        written = written_1h = 0
        position = read
        for i in marks:
            extended = blocks[i].marker == "1h"
            self._write(model, ends[i], EXTENDED_TTL if extended else self._ttl)
            new = max(ends[i].tokens - position, 0)
            position += new
            written += new
            written_1h += new if extended else 0
        usage = Usage(prompt=tokens, cache_read=read, cache_write=written)
        return Metered(usage, written_1h)

    def _longest_read(
        self, model: str, ends: Sequence[_PrefixEnd], marks: Sequence[int]
    ) -> int:
        for mark in reversed(marks):
            for i in range(mark, max(mark - ANTHROPIC_LOOKBACK, -1), -1):
                if self._read(model, ends[i]):
                    return ends[i].tokens
        return 0

    def _read(self, model: str, end: _PrefixEnd) -> bool:
        entry = self._prefixes.get((model, end.digest))
        now = self._clock()
        if entry is None or now - entry.used > entry.ttl:
            return False
        entry.used = now
        return True

    def _write(self, model: str, end: _PrefixEnd, ttl: float) -> None:
        # A prefix that is there keeps the lifetime that it was bought with.
        if not self._read(model, end):
            self._prefixes[model, end.digest] = _Entry(self._clock(), ttl)


@dataclass(frozen=True, slots=True)
class _PrefixEnd:
    digest: bytes
    tokens: int


def _prefix_ends(blocks: Iterable[Block]) -> list[_PrefixEnd]:
    digest = hashlib.blake2b(digest_size=16)
    tokens = 0
    ends = []
    for block in blocks:
        digest.update(hashlib.blake2b(block.text.encode(), digest_size=16).digest())
        tokens += count_tokens(block.text)
        ends.append(_PrefixEnd(digest.digest(), tokens))
    return ends


@dataclass(frozen=True, slots=True)
class Charge:
    """One line of the provider's bill."""

    number: int
    """Which request it is for: ``Request.number``."""
    model: str
    usage: Usage
    usd: float | None
    """``None``: the provider was given no prices for this model."""
    complete: bool = True
    """``False``: the answer was cut off; providers bill those tokens all the same,
    but no client can know."""


def price(metered: Metered, prices: Prices) -> float:
    """What a call costs, USD.

    A prompt above the long-context threshold is charged at those prices as a whole,
    as Anthropic, Google and OpenAI do it.
    """
    usage, rates = metered.usage, prices
    write_1h_rate = prices.cache_write_1h
    if prices.long_context and usage.prompt > prices.long_context.above:
        rates, write_1h_rate = prices.long_context, None
    if write_1h_rate is None:
        write_1h_rate = rates.cache_write
    fresh = usage.prompt - usage.cache_read - usage.cache_write
    return (
        fresh * rates.input
        + usage.cache_read * rates.cache_read
        + (usage.cache_write - metered.write_1h) * rates.cache_write
        + metered.write_1h * write_1h_rate
        + usage.completion * rates.output
    )
