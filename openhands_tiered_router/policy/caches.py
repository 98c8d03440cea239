"""What providers keep of a conversation's prompts, and how long it goes unused.

A prefix lives from the start of the last request that used it: that is when the
provider reads it, and what the answer and the tools take comes on top.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final


SPREAD: Final = 0.8
"""Standard deviation of the logarithm of a session's gaps: mean over recorded
sessions of five agents, .51 to .95."""
_SPREAD_WEIGHT: Final = 10.0
"""Gaps of its own that outweigh that."""
_LOGISTIC: Final = math.sqrt(3.0) / math.pi
"""Scale of a logistic distribution of standard deviation 1."""
_SHORTEST: Final = 0.5
_LONGEST: Final = 86_400.0
"""Seconds; a longer gap tells of a clock or an outage, not of the conversation."""


@dataclass(frozen=True, slots=True)
class WarmPrefix:
    """What a provider is expected to have in its prompt cache for a conversation."""

    tokens: int
    used_at: float
    """Start of the last request that used it, epoch seconds."""
    blocks: int = 0
    """Content blocks that the conversation had then."""
    ttl: float | None = None
    """Seconds that ``tokens`` are kept; ``None``: the endpoint's ``cache_ttl``."""
    long_tokens: int = 0
    """Tokens at its beginning that are kept for ``long_ttl``."""
    long_ttl: float = 0.0
    asked_at: float | None = None
    """Start of the conversation's own last request, where ``used_at`` is that of one
    which only kept the cache alive."""

    @property
    def requested_at(self) -> float:
        """Start of the conversation's own last request."""
        return self.used_at if self.asked_at is None else self.asked_at

    def kept_alive(self, at: float) -> WarmPrefix:
        """The prefix after a request at that time which only kept it."""
        return replace(self, used_at=at, asked_at=self.requested_at)

    def alive(self, now: float, ttl: float) -> int:
        """Tokens that are still cached at ``now``.

        Args:
            now: Epoch seconds.
            ttl: The endpoint's ``cache_ttl``, where the prefix has none of its own.
        """
        age = now - self.used_at
        if age <= (ttl if self.ttl is None else self.ttl):
            return self.tokens
        return self.long_tokens if age <= self.long_ttl else 0

    def left(self, now: float, ttl: float) -> float:
        """Seconds from ``now`` that ``alive`` still gives some tokens."""
        life = ttl if self.ttl is None else self.ttl
        if self.long_tokens:
            life = max(life, self.long_ttl)
        return life - (now - self.used_at)


def used(
    before: WarmPrefix | None,
    *,
    tokens: int,
    at: float,
    blocks: int = 0,
    ttl: float | None = None,
    short: float,
    read: int | None = None,
) -> WarmPrefix:
    """The prefix after a request that wrote what was not cached.

    A prefix bought for long can only grow at its end: what is written behind tokens
    that live shorter dies with them. So a prompt is kept long as a whole only if
    all of it that was still cached was.

    Args:
        before: What the endpoint had; ``None``: nothing.
        tokens: What it has now.
        at: Start of the request, epoch seconds.
        blocks: Content blocks of the conversation.
        ttl: Seconds for which the new tokens are bought; ``None``: ``short``.
        short: The endpoint's ``cache_ttl``.
        read: Tokens that the provider says it read; ``None``: it does not say.
    """
    warm = kept = 0
    if before is not None:
        warm = min(before.alive(at, short), tokens)
        kept = min(before.long_tokens, warm)
    if read is not None:
        # What the first request finds there is another conversation's beginning.
        warm, kept = read, read if before is None else min(kept, read)
    if ttl is None or ttl <= short:
        if before is None or not kept:
            return WarmPrefix(tokens, at, blocks, short)
        return WarmPrefix(tokens, at, blocks, short, kept, before.long_ttl)
    return WarmPrefix(tokens, at, blocks, short, tokens if kept == warm else kept, ttl)


@dataclass(frozen=True, slots=True)
class Gaps:
    """Seconds between requests, as sums: a step costs no look back."""

    count: int = 0
    log_sum: float = 0.0
    log_squares: float = 0.0

    def after(self, seconds: float) -> Gaps:
        """With one more gap."""
        log = math.log(min(max(seconds, _SHORTEST), _LONGEST))
        return Gaps(self.count + 1, self.log_sum + log, self.log_squares + log * log)

    @property
    def spread(self) -> float:
        """Sum of squared deviations of the logarithms from their mean."""
        if not self.count:
            return 0.0
        return max(self.log_squares - self.log_sum * self.log_sum / self.count, 0.0)

    @property
    def deviation(self) -> float:
        """Expected standard deviation of the logarithms (``SPREAD`` as the prior)."""
        squares = _SPREAD_WEIGHT * SPREAD**2 + self.spread
        return math.sqrt(squares / (_SPREAD_WEIGHT + self.count))


def outlasts(seconds: float, middle: float, deviation: float) -> float:
    """P(a gap is longer than so many seconds), gaps being log-logistic.

    Args:
        seconds: More than 0.
        middle: Mean of the gaps' logarithms.
        deviation: Their standard deviation.
    """
    exponent = (math.log(seconds) - middle) / (deviation * _LOGISTIC)
    return 1.0 / (1.0 + math.exp(exponent)) if exponent < 700.0 else 0.0
