"""What each tier of a conversation came to, read off the SDK's books."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from rich.table import Table

from openhands_tiered_router.resolver.work import TierCost


if TYPE_CHECKING:
    from openhands.sdk.conversation.conversation_stats import ConversationStats


OTHERS: Final = "other"
"""Calls that no tier served."""


def tier_of_book(usage_id: str) -> str:
    """The tier of a book, or ``OTHERS``; its usage id carries the tier's key at its
    end, as in ``router:complex/2``."""
    from openhands_tiered_router.tiers import Tier

    key = usage_id.rpartition(":")[2].partition("/")[0]
    return key if key in {str(tier) for tier in Tier} else OTHERS


def tier_costs(stats: ConversationStats) -> dict[str, TierCost]:
    """What each tier came to in all runs, weakest first."""
    from openhands_tiered_router.tiers import Tier

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


def cost_table(tiers: Mapping[str, TierCost]) -> Table:
    """Calls, tokens and cost of each tier, for people."""
    table = Table(box=None, pad_edge=False)
    for name in ("tier", "calls", "tokens", "USD"):
        table.add_column(name, justify="left" if name == "tier" else "right")
    for name, cost in tiers.items():
        table.add_row(name, str(cost.calls), f"{cost.tokens:,}", f"{cost.usd:.4f}")
    return table
