"""What an agent is given to do, and what it came to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final
from uuid import UUID

from openhands_tiered_router.tiers import Tier


if TYPE_CHECKING:
    from openhands.sdk.conversation.conversation_stats import ConversationStats


OTHERS: Final = "other"
"""Calls that no tier served."""


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
    """The message that a resumed one gets."""
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


def tier_of_book(usage_id: str) -> str:
    """The tier of a book, or ``OTHERS``; its usage id carries the tier's key at its
    end, as in ``router:complex/2``."""
    key = usage_id.rpartition(":")[2].partition("/")[0]
    return key if key in {str(tier) for tier in Tier} else OTHERS


def tier_costs(stats: ConversationStats) -> dict[str, TierCost]:
    """What each tier came to in all runs, weakest first."""
    found: dict[str, TierCost] = {}
    for usage_id, metrics in stats.usage_to_metrics.items():
        total = metrics.accumulated_token_usage
        cost = TierCost(
            usd=metrics.accumulated_cost,
            calls=len(metrics.token_usages),
            tokens=total.prompt_tokens + total.completion_tokens if total else 0,
        )
        name = tier_of_book(usage_id)
        if cost.calls or cost.usd:
            found[name] = found[name] + cost if name in found else cost
    names = [*map(str, Tier), OTHERS]
    return {name: found[name] for name in names if name in found}
