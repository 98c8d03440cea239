"""The four tiers, and the endpoints that serve them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final


class Tier(IntEnum):
    """How capable a model a call gets; a higher tier is stronger and dearer.

    An ``IntEnum``, so that tiers compare by strength. ``str(tier)`` is the name
    used in configuration, usage ids and output: ``simple`` to ``reasoning``.
    """

    SIMPLE = 0
    MEDIUM = 1
    COMPLEX = 2
    REASONING = 3

    def __str__(self) -> str:
        return _NAMES[self]

    @classmethod
    def parse(cls, text: str) -> Tier:
        """The tier of that name, in any case.

        Raises:
            ValueError: No tier has that name; the message lists those that exist.
        """
        try:
            return cls[text.strip().upper()]
        except KeyError:
            names = ", ".join(map(str, cls))
            raise ValueError(f"unknown tier {text!r}; the tiers are {names}") from None

    @classmethod
    def of(cls, key: str) -> Tier:
        """The tier of an endpoint key: ``simple``, ``simple/2``, ``simple/spare``.

        Raises:
            ValueError: The part before the slash is not a tier.
        """
        return cls.parse(key.partition("/")[0])

    def up(self) -> Tier:
        """The next stronger tier; the strongest is its own."""
        return Tier(min(self + 1, Tier.REASONING))


_NAMES: Final = tuple(tier.name.lower() for tier in Tier)
"""Looked up: what a turn is called is said a dozen times in it."""


DEFAULT_MAX_COMPLEXITY: Final[Mapping[Tier, float]] = {
    Tier.SIMPLE: 0.35,
    Tier.MEDIUM: 0.65,
    Tier.COMPLEX: 0.85,
    Tier.REASONING: 1.0,
}
"""Upper end of the task complexity, in [0, 1], that a tier is meant for."""

FIVE_MINUTES: Final = 300.0
"""Seconds; the lifetime that is reckoned with where a provider states none, and
Anthropic's shorter one. ``policy.economics.providers`` says which applies where."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """What an endpoint charges, USD per token (litellm's names in configuration)."""

    input: float
    output: float
    cache_read: float
    cache_write: float
    cache_write_1h: float | None = None
    """Price of a write that is kept an hour, where the provider sells that."""
    long_context: LongContextPrices | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LongContextPrices:
    """Prices, USD per token, once the prompt is longer than ``above`` tokens."""

    above: int
    input: float
    output: float
    cache_read: float
    cache_write: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much an endpoint may be used. ``None``: no limit."""

    rpm: int | None = None
    """Requests in any 60 seconds."""
    tpm: int | None = None
    """Tokens in any 60 seconds, of prompts and answers together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One model behind one address, as the decision engine sees it."""

    key: str
    """Unique name: the tier's (``simple``), numbered from the second (``simple/2``)."""
    tier: Tier
    model: str
    """litellm model string, such as ``anthropic/claude-opus-4-5``."""
    weight: float = 1.0
    """Share of the tier's calls, relative to the other endpoints of the tier."""
    prices: Prices | None = None
    """``None``: not known. Never guessed as zero."""
    max_input_tokens: int | None = None
    """Context window, tokens; ``None``: not known."""
    vision: bool = False
    tools: bool = True
    cache_ttl: float = FIVE_MINUTES
    """Seconds that the provider keeps a prompt prefix, from the start of the last
    request that used it."""
    cache_id: str = ""
    """Endpoints with the same value share one prompt cache at the provider."""
    limits: Limits = Limits()
    success: float | None = None
    """Share of tasks that it solves alone, in [0, 1], by the user's own word; ``None``:
    not said, and `policy.value.strength` looks it up."""
    task_usd: float | None = None
    """USD that it spends on a task alone, by the user's own word."""
    verdicts: tuple[int, int] = (0, 0)
    """The user's own tasks that it solved alone, and those that it did not."""


@dataclass(frozen=True, slots=True)
class TierSet:
    """All endpoints of a router, in configuration order."""

    endpoints: tuple[Endpoint, ...]
    max_complexity: Mapping[Tier, float] = field(
        default_factory=lambda: dict(DEFAULT_MAX_COMPLEXITY)
    )

    def __post_init__(self) -> None:
        if not self.endpoints:
            raise ValueError("a tier set needs at least one endpoint")
        keys = [e.key for e in self.endpoints]
        if len(set(keys)) != len(keys):
            raise ValueError(f"endpoint keys must be unique, got {keys}")

    def of(self, tier: Tier) -> tuple[Endpoint, ...]:
        """The endpoints configured for exactly that tier; may be empty."""
        return tuple(e for e in self.endpoints if e.tier == tier)

    def tiers(self) -> tuple[Tier, ...]:
        """The tiers that have an endpoint of their own, weakest first."""
        return tuple(sorted({e.tier for e in self.endpoints}))

    def serving(self, tier: Tier) -> Tier:
        """The tier that really serves a call meant for ``tier``.

        A tier without endpoints falls back upwards, to the next stronger one that
        has some; only above the strongest configured tier does it fall to that.
        """
        configured = self.tiers()
        return next((t for t in configured if t >= tier), configured[-1])

    def tier_for(self, complexity: float) -> Tier:
        """The weakest tier whose ``max_complexity`` reaches that, in [0, 1]."""
        for tier in Tier:
            if complexity <= self.max_complexity[tier]:
                return tier
        return Tier.REASONING
