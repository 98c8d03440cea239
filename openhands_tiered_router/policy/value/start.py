"""What is known of the tiers and believed of a task before a choice is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from openhands_tiered_router.policy.economics.costs import rates
from openhands_tiered_router.policy.policy import Policy
from openhands_tiered_router.policy.session import TYPICAL_GROWTH, TYPICAL_OUTPUT
from openhands_tiered_router.policy.value.strength import Strength, strengths_of
from openhands_tiered_router.policy.value.table import Work, default_table
from openhands_tiered_router.policy.value.ways import Belief, Odds, Runner, curve
from openhands_tiered_router.tiers import Endpoint, Prices


TYPICAL_TURNS: Final = 51
TYPICAL_PROMPT: Final = 5_000
"""Turns of a task, and tokens of its first prompt: means over recorded sessions of
five agents, each agent with the same weight."""
TROUBLE: Final = 2.0
"""How much likelier a sign of trouble (repeated failures, going round, no progress)
is in work that will fail than in work that will succeed. Judgement; no recorded
session says how it ended."""


@dataclass(frozen=True, slots=True)
class Known:
    """Endpoints of different models, one a tier, with their strengths."""

    endpoints: tuple[Endpoint, ...]
    strengths: Mapping[str, Strength]
    """By endpoint key, of each of them."""

    @property
    def runners(self) -> tuple[Runner, ...]:
        """The tiers as they would try a whole task; empty if a cost is not known."""
        given = [self.strengths[e.key].task_usd for e in self.endpoints]
        if None in given:
            given = [e.prices and task_usd(e.prices) for e in self.endpoints]
        pairs = list(zip(self.endpoints, given, strict=True))
        if any(usd is None for _, usd in pairs):
            return ()
        return tuple(
            Runner(e.tier, self.strengths[e.key].success, usd or 0.0)
            for e, usd in pairs
        )


def strengths_for(
    endpoints: tuple[Endpoint, ...], work: Work
) -> Mapping[str, Strength]:
    """The strengths of these endpoints; remembered for each tuple."""
    return _strengths(_Endpoints(endpoints), work)


class _Endpoints:
    """Endpoints by identity: a router has one tuple of them, hashed in no time."""

    __slots__ = ("value",)

    def __init__(self, value: tuple[Endpoint, ...]) -> None:
        self.value = value

    def __hash__(self) -> int:
        return id(self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Endpoints) and self.value is other.value


@lru_cache(maxsize=64)
def _strengths(endpoints: _Endpoints, work: Work) -> Mapping[str, Strength]:
    return strengths_of(endpoints.value, work)


@lru_cache(maxsize=64)
def task_usd(prices: Prices) -> float:
    """Cost of a typical task at those prices, every prompt read from the cache."""
    middle = int(TYPICAL_PROMPT + TYPICAL_GROWTH * TYPICAL_TURNS / 2)
    rate = rates(prices, middle)
    written = TYPICAL_PROMPT + TYPICAL_GROWTH * TYPICAL_TURNS
    turn = rate.cache_read * middle + rate.output * TYPICAL_OUTPUT
    return TYPICAL_TURNS * turn + rate.cache_write * written


def odds_of(policy: Policy) -> Odds:
    """Value, verifier and how tasks differ."""
    spread = default_table().spread(policy.work)
    return Odds(
        value=policy.task_value,
        catch=policy.catch_rate,
        accept=policy.pass_rate,
        sigma=spread.sigma,
        growth=spread.growth,
    )


@lru_cache(maxsize=256)
def belief_after(
    prior: Belief,
    rejected: tuple[float, ...],
    troubled: float | None,
    odds: Odds,
) -> Belief:
    """What is believed of a task after what happened to it.

    Args:
        prior: Before that.
        rejected: Success rates of the models whose work a verifier rejected.
        troubled: Success rate of the model that is in trouble; ``None``: none is.
        odds: The verifier's rates.
    """
    belief = prior
    for rate in rejected:
        solving = curve(rate, odds.sigma)
        # A rejection happened, so there is a verifier: 0 would rule out wrong work.
        belief = belief.rejected(solving, odds.catch or 1.0, odds.accept)
    if troubled is not None:
        solving = curve(troubled, odds.sigma)
        belief = belief.after([p + TROUBLE * (1.0 - p) for p in solving])
    return belief


def right_though_rejected(rate: float, belief: Belief, odds: Odds) -> float:
    """P(work that a verifier rejected is right), for a model with that rate.

    Args:
        rate: Share of tasks that the model solves.
        belief: Of the task, before that rejection.
        odds: The verifier's rates.
    """
    solved = chance(rate, belief, odds.sigma)
    right = solved * (1.0 - odds.accept)
    wrong = (1.0 - solved) * (odds.catch or 1.0)
    return right / (right + wrong) if right + wrong > 0.0 else 0.0


@lru_cache(maxsize=1_024)
def chance(rate: float, belief: Belief, sigma: float) -> float:
    """P(a model solves the task), given its rate and what is believed of the task."""
    return belief.mean(curve(rate, sigma))


PRIOR: Final = Belief.prior()
