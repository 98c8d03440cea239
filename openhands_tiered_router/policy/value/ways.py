"""Ways through the tiers: which model tries a task first, which next if it fails.

A verifier looks at the work of each tier of a way but the last, rejects wrong work
with probability ``catch`` and accepts right work with probability ``accept``. Rejected
work goes to the next tier, which begins anew; the last tier's work is delivered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from math import exp

from openhands_tiered_router.policy.value.difficulty import GRID, Belief, curve
from openhands_tiered_router.tiers import Tier


@dataclass(frozen=True, slots=True)
class Runner:
    """A tier as it would try a whole task."""

    tier: Tier
    success: float
    """Share of tasks that it solves alone."""
    usd: float
    """Mean cost of a task on it alone."""


@dataclass(frozen=True, slots=True)
class Odds:
    """What holds for all ways."""

    value: float
    """USD that a solved task is worth."""
    catch: float
    """Share of wrong work that the verifier rejects; 0: there is none."""
    accept: float
    """Share of right work that it accepts; 1: there is none."""
    sigma: float
    """How much tasks differ; see ``difficulty``."""
    growth: float
    """Rise of a cost's logarithm for each standard deviation of difficulty."""


@dataclass(frozen=True, slots=True)
class Way:
    """Tiers in the order in which they would be tried, and what that leads to."""

    tiers: tuple[Tier, ...]
    success: float
    """P(what is delivered solves the task)."""
    usd: float
    """Expected cost."""

    def worth(self, value: float) -> float:
        """Expected USD, at that value of a solved task."""
        return value * self.success - self.usd


@lru_cache(maxsize=512)
def best_way(
    runners: tuple[Runner, ...], odds: Odds, belief: Belief, limit: float | None = None
) -> Way:
    """The way with the greatest expected value; of equals the cheaper, shorter one.

    Args:
        runners: At least one, of which each solves its share of tasks.
        odds: Value and verifier.
        belief: What is believed of the task's difficulty.
        limit: USD that are left; ways that are expected to cost more are only taken
            if all do, and then the cheapest.
    """
    ways = [
        expected(way, odds, belief)
        for count in range(1, len(runners) + 1)
        for way in combinations(runners, count)
    ]
    paid = [way for way in ways if limit is None or way.usd <= limit]
    if not paid:
        return min(ways, key=lambda way: way.usd)
    return max(paid, key=lambda way: (way.worth(odds.value), -len(way.tiers)))


def expected(way: Sequence[Runner], odds: Odds, belief: Belief) -> Way:
    """Success and cost of trying those in that order."""
    alive, success, usd = list(belief.weights), 0.0, 0.0
    dearer = _dearer(odds.growth)
    for runner in way:
        solving = curve(runner.success, odds.sigma)
        usd += runner.usd * sum(a * c for a, c in zip(alive, dearer, strict=True))
        if runner is way[-1]:
            success += sum(a * p for a, p in zip(alive, solving, strict=True))
            break
        accepted = sum(a * p for a, p in zip(alive, solving, strict=True))
        success += odds.accept * accepted
        alive = [
            a * (p * (1.0 - odds.accept) + (1.0 - p) * odds.catch)
            for a, p in zip(alive, solving, strict=True)
        ]
    return Way(tuple(r.tier for r in way), success, usd)


@lru_cache(maxsize=16)
def _dearer(growth: float) -> tuple[float, ...]:
    """Cost of a task at each difficulty in units of the mean cost."""
    return tuple(exp(growth * d - growth * growth / 2) for d in GRID)
