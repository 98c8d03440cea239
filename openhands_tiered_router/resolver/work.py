"""What an agent is given to do, and what it came to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from uuid import UUID


EXIT_UNVERIFIED: Final = 5
EXIT_NO_CHANGE: Final = 8
EXIT_NOT_DELIVERED: Final = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One run of the agent."""

    directory: Path
    """Where it works."""
    base: str
    """Commit that the work began at."""
    conversation: UUID
    """To be resumed if there is one already."""
    task: str
    """What a new conversation begins with."""
    news: tuple[str, ...] = ()
    """What one that is resumed is told."""
    fresh: bool = False
    """Forget a conversation of that id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TierCost:
    """What one tier came to in all runs of a conversation."""

    usd: float
    calls: int
    tokens: int
    """Prompt and answer."""

    def __add__(self, other: TierCost) -> TierCost:
        return TierCost(
            usd=self.usd + other.usd,
            calls=self.calls + other.calls,
            tokens=self.tokens + other.tokens,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """How a run ended."""

    exit_code: int
    """0: finished; 5: finished, not verified; else as ``tiered-router run`` has it."""
    status: str
    verification: str = ""
    """Why the work is verified or not; "": nobody asked."""
    verified: bool = False
    tiers: dict[str, TierCost] = field(default_factory=dict)

    @property
    def usd(self) -> float:
        return sum(tier.usd for tier in self.tiers.values())


type Worker = Callable[[Work], Done]
