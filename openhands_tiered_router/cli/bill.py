"""What a run cost, in a line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from openhands_tiered_router.plural import counted


if TYPE_CHECKING:
    from openhands_tiered_router.calls.fleet import RoutedCall


TIER_STYLES: Final = {
    "simple": "green",
    "medium": "cyan",
    "complex": "yellow",
    "reasoning": "magenta",
}


def bill(status: str, usd: float, calls: list[RoutedCall], before: float = 0.0) -> str:
    """What a run cost, in a line.

    Args:
        status: Of the conversation.
        usd: All that the conversation cost so far.
        calls: Of this run.
        before: What the conversation had cost when this run began, USD.
    """
    tiers = ", ".join(f"{n} {tier}" for tier, n in tier_counts(calls).items() if n)
    prompt = sum(call.outcome.usage.prompt for call in calls)
    cached = sum(call.outcome.usage.cache_read for call in calls)
    share = f"; {cached / prompt:.0%} of prompts cached" if prompt else ""
    served = f" for {counted(len(calls), 'call')} ({tiers})" if calls else ""
    whole = f"; ${usd:.4f} with earlier runs" if before else ""
    return f"{status}: ${usd - before:.4f}{served}{share}{whole}"


def tier_counts(calls: list[RoutedCall]) -> dict[str, int]:
    """Calls that each tier served."""
    counts = dict.fromkeys(TIER_STYLES, 0)
    for call in calls:
        counts[str(call.tier)] += 1
    return counts
