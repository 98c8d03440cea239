"""How difficult a task is, and the ways through the tiers that follow from it.

P(a model solves a task of difficulty d) = sigmoid(ability - sigma d), with d standard
normal over tasks (Rasch 1960). A model's ability follows from its rate of success;
sigma says how much tasks differ, and so how little a second model solves of what a
first one could not. Sigma is fitted to public outcomes (docs/value.md).

A way is which model tries a task first, and which next if it fails. A verifier looks
at the work of each tier of a way but the last, rejects wrong work with probability
``catch`` and accepts right work with probability ``accept``. Rejected work goes to the
next tier, which begins anew; the last tier's work is delivered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from math import exp
from typing import Final, Self

from openhands_tiered_router.tiers import Tier


GRID: Final = tuple(-4.0 + i / 5 for i in range(41))
"""Difficulties in standard deviations that sums run over."""
_PRIOR: Final = tuple(exp(-d * d / 2) for d in GRID)
EXTREME: Final = 0.005
"""Rates are kept this far from 0 and 1: no finite sample shows either."""


@lru_cache(maxsize=256)
def curve(rate: float, sigma: float) -> tuple[float, ...]:
    """P(solved) at each difficulty for a model that solves ``rate`` of all tasks."""
    rate = min(max(rate, EXTREME), 1.0 - EXTREME)
    total = sum(_PRIOR)
    low, high = -60.0, 60.0
    # By bisection: the mean over difficulties rises with ability.
    while high - low > 1e-6:
        ability = (low + high) / 2
        solved = _curve(ability, sigma)
        mean = sum(w * p for w, p in zip(_PRIOR, solved, strict=True)) / total
        low, high = (ability, high) if mean < rate else (low, ability)
    return _curve((low + high) / 2, sigma)


def _curve(ability: float, sigma: float) -> tuple[float, ...]:
    return tuple(1.0 / (1.0 + exp(min(sigma * d - ability, 700.0))) for d in GRID)


@dataclass(frozen=True, slots=True)
class Belief:
    """What is believed of a task's difficulty: weights on ``GRID`` that add up to 1."""

    weights: tuple[float, ...]

    @classmethod
    def prior(cls, shift: float = 0.0, spread: float = 1.0) -> Self:
        """Before any work: normal, with that mean and standard deviation."""
        return cls(_prior(shift, spread))

    def after(self, likelihoods: Sequence[float]) -> Belief:
        """By Bayes, after evidence of that likelihood at each difficulty."""
        pairs = zip(self.weights, likelihoods, strict=True)
        weights = [w * p for w, p in pairs]
        return Belief(_normal(weights)) if sum(weights) > 0 else self

    def rejected(self, solved: Sequence[float], catch: float, accept: float) -> Belief:
        """After a verifier rejected the work of a model with that curve.

        Args:
            solved: The model's P(solved) at each difficulty.
            catch: Share of wrong work that the verifier rejects.
            accept: Share of right work that it accepts.
        """
        return self.after([(1 - accept) * p + catch * (1 - p) for p in solved])

    def mean(self, values: Sequence[float]) -> float:
        """The expectation of what has those values at each difficulty."""
        return sum(w * v for w, v in zip(self.weights, values, strict=True))


@lru_cache(maxsize=64)
def _prior(shift: float, spread: float) -> tuple[float, ...]:
    return _normal([exp(-(((d - shift) / spread) ** 2) / 2) for d in GRID])


def _normal(weights: Sequence[float]) -> tuple[float, ...]:
    total = sum(weights)
    return tuple(w / total for w in weights)


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
