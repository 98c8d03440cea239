"""How difficult a task is: one number that all models share.

P(a model solves a task of difficulty d) = sigmoid(ability - sigma d), with d standard
normal over tasks (Rasch 1960). A model's ability follows from its rate of success;
sigma says how much tasks differ, and so how little a second model solves of what a
first one could not. Sigma is fitted to public outcomes (docs/value.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import exp
from typing import Final, Self


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
