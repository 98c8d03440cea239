"""What a provider says it will still take, as it was when it said so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self


MINUTE: Final = 60.0
MAX_WAIT: Final = 60.0
"""Seconds that what a provider says may delay a call. Its limits are per minute; more
than that is a misunderstanding, and an error 429 says it better."""


@dataclass(frozen=True, slots=True)
class Level:
    """One limit: a bucket that holds ``limit`` and fills up steadily.

    Both Anthropic and OpenAI say when it will be full again, from which the speed
    follows whatever the period of the limit is.
    """

    limit: float
    remaining: float
    reset: float | None
    """Seconds until it is full."""

    @property
    def rate(self) -> float:
        """What comes back each second."""
        if self.reset and self.remaining < self.limit:
            return (self.limit - self.remaining) / self.reset
        return self.limit / MINUTE

    def wait(self, need: float, spent: float, age: float) -> float:
        """Seconds until it takes ``need``; ``spent``: since the last report."""
        level = min(self.limit, self.remaining - spent + self.rate * age)
        lack = min(need, self.limit) - level
        return min(lack / self.rate, MAX_WAIT) if lack > 0 and self.rate else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What the headers of one answer say."""

    requests: Level | None = None
    tokens: Level | None = None
    cached_free: bool = False
    """Whether tokens read from the provider's cache do not count."""

    def __bool__(self) -> bool:
        return self.requests is not None or self.tokens is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """The newest that a provider said, and what was sent since."""

    said: Said = Said()
    at: float = 0.0
    number: int = -1
    """Which call it was said to, counted as they were sent."""
    spent: int = 0
    """Tokens sent up to that call."""

    def wait(
        self, now: float, requests: int, tokens: int, sent: int, spent: int
    ) -> float:
        """Seconds until it takes so much more, after ``sent`` calls in all and
        ``spent`` tokens."""
        age = max(0.0, now - self.at)
        waits = [0.0]
        if self.said.requests:
            since = sent - self.number
            waits.append(self.said.requests.wait(requests, since, age))
        if self.said.tokens:
            waits.append(self.said.tokens.wait(tokens, spent - self.spent, age))
        return max(waits)

    def hearing(self, said: Said, now: float, number: int, spent: int) -> Self:
        """With what was said to a call; an older call's answer changes nothing."""
        if number < self.number:
            return self
        return type(self)(said=said, at=now, number=number, spent=spent)
