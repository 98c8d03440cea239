"""Which model serves the coming turn: tokens, caches and lost success in USD.

A plan is a model for the coming turn and one or two models for the turns after it;
of two, each later turn goes to the one that is worth more for it. A plan's price is

    tokens of the coming turn + its expected loss
    + caches that later turns need and that are not there yet
    + TURNS_AHEAD x (tokens, cache upkeep and loss of an average later turn)

and the first step of the cheapest plan is taken (receding horizon). Prices, caches,
pace and growth are measured in the session; the loss is a model, see `losses`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import compress
from operator import le, mul
from typing import Final

from openhands_tiered_router.policy.economics.dynamics import TurnDynamics, outlook
from openhands_tiered_router.policy.tally import Pace
from openhands_tiered_router.tiers import LongContextPrices, Prices


HARD_TURNS: Final = 37.0
"""Hard turns a task, over which a model's rate of success is spread: mean of the
recorded sessions of a terminal-only agent on SWE-bench Verified."""
SLIP: Final = 0.1
"""What a mechanical turn can spoil, as a share of what a hard one can. A prior by
judgement: one turn in ten that looks mechanical hides a decision."""
TURNS_AHEAD: Final = 30
"""Turns that a choice is weighed over: how many were still to come at a turn, mean over
recorded sessions of five agents, agents alike (13 to 47; 30.4)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """A model that could serve the coming turn."""

    key: str
    """The endpoint's."""
    rates: Prices | LongContextPrices
    """At the size of the coming prompt."""
    warm: int
    """Tokens of the coming prompt that its cache is expected to hold."""
    lifetime: float
    """Seconds that a used cache lives."""
    hard: float
    """USD that are expected to be lost if it serves a hard turn."""
    mechanical: float
    """The same for a mechanical turn."""
    longer: tuple[float, float] | None = None
    """Price of a token's write that lives longer, and for how many seconds it does;
    ``None``: not sold. Later turns may buy that though the coming one does not."""

    def loss(self, p_mechanical: float) -> float:
        return p_mechanical * self.mechanical + (1.0 - p_mechanical) * self.hard


@dataclass(frozen=True, kw_only=True)
class Situated:
    """What the session shows of its turns."""

    prompt: int
    """Tokens of the coming prompt."""
    growth: float
    """Tokens that a turn adds."""
    pace: Pace
    output: float
    """Tokens of an answer."""
    p_mechanical: float
    dynamics: TurnDynamics

    @cached_property
    def outputs(self) -> list[float]:
        """Tokens of an answer by outlook."""
        scale = self.output / self.dynamics.mean_output
        return [scale * output for output in self.dynamics.output]

    @cached_property
    def kinds(self) -> list[tuple[float, float, float]]:
        """Of later turns, by outlook: share, hard share, tokens of an answer."""
        known = self.dynamics
        return list(zip(known.shares, known.hard, self.outputs, strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """What one model costs for the coming turn, and what it leads to. USD."""

    key: str
    now: float
    """Tokens of the coming turn."""
    loss: float
    """Expected loss of success in the coming turn, in the task's value."""
    later: float
    """Tokens, caches and losses of the ``TURNS_AHEAD`` turns after it."""

    @property
    def total(self) -> float:
        return self.now + self.loss + self.later


def losses(value: float, success: float, best: float) -> tuple[float, float]:
    """USD that a hard and a mechanical turn are expected to lose on a model.

    A model that solves a share ``success`` of tasks where the best solves ``best``
    keeps a task solvable with probability (success / best) ** (1 / HARD_TURNS) at
    each hard turn, so that a whole task on it comes out at ``success``.

    Args:
        value: USD that a solved task is worth.
        success: The model's rate of success, in [0, 1].
        best: The best rate among the models at hand.
    """
    ratio = max(min(success / best, 1.0), 1e-6) if best > 0 else 1.0
    worth = value * best
    return (
        worth * (1.0 - ratio ** (1.0 / HARD_TURNS)),
        worth * (1.0 - ratio ** (SLIP / HARD_TURNS)),
    )


def options(arms: Sequence[Arm], seen: Situated) -> list[Option]:
    """Each model for the coming turn, with the best that can follow it."""
    plans = _plans(arms, seen)
    output = seen.outputs[outlook(seen.p_mechanical)]
    found = []
    for arm in arms:
        rate, cold = arm.rates, seen.prompt - arm.warm
        now = rate.cache_read * arm.warm + rate.cache_write * cold
        found.append(
            Option(
                key=arm.key,
                now=now + rate.output * output,
                loss=arm.loss(seen.p_mechanical),
                later=min(_fills(plan, arm, seen) + plan.ahead for plan in plans),
            )
        )
    return found


@dataclass(frozen=True, slots=True)
class _Plan:
    """Models for the turns after the coming one."""

    uses: tuple[tuple[Arm, float], ...]
    """With the probability that it serves any of them."""
    ahead: float
    """USD of ``TURNS_AHEAD`` such turns, first fills of caches apart."""


def _plans(arms: Sequence[Arm], seen: Situated) -> list[_Plan]:
    """One or two of them for the turns after the coming one."""
    size = seen.prompt + seen.growth * TURNS_AHEAD / 2
    turns = [
        [
            a.rates.cache_read * size
            + a.rates.output * output
            + a.mechanical
            + hard * (a.hard - a.mechanical)
            for _, hard, output in seen.kinds
        ]
        for a in arms
    ]
    shares = [share for share, _, _ in seen.kinds]
    plans = []
    for i, (first, costs) in enumerate(zip(arms, turns, strict=True)):
        turn = sum(map(mul, shares, costs))
        plans.append(_plan([(first, 1.0)], turn, size, seen))
        for second, others in zip(arms[i + 1 :], turns[i + 1 :], strict=True):
            # Each turn goes to the one that is worth more for it.
            turn = sum(map(mul, shares, map(min, costs, others)))
            taken = sum(compress(shares, map(le, costs, others)))
            used = [(first, taken), (second, 1.0 - taken)]
            if 0.0 < taken < 1.0:
                plans.append(_plan(used, turn, size, seen))
    return plans


def _plan(
    used: list[tuple[Arm, float]], turn: float, size: float, seen: Situated
) -> _Plan:
    """With the upkeep of the caches of those that serve such shares of the turns."""
    uses = []
    for arm, share in used:
        write = arm.rates.cache_write
        upkeep = _upkeep(arm, write, arm.lifetime, share, size, seen)
        if arm.longer is not None:
            upkeep = min(upkeep, _upkeep(arm, *arm.longer, share, size, seen))
        turn += upkeep
        uses.append((arm, 1.0 - (1.0 - share) ** TURNS_AHEAD))
    return _Plan(tuple(uses), TURNS_AHEAD * turn)


def _upkeep(
    arm: Arm, write: float, lifetime: float, share: float, size: float, seen: Situated
) -> float:
    """USD a turn to keep its cache: what is new, and all of it where it has died."""
    refill = (write - arm.rates.cache_read) * size
    return write * seen.growth + share * refill * _dies(lifetime, share, seen)


def _dies(lifetime: float, share: float, seen: Situated) -> float:
    """P(a cache is dead when the next turn comes to it), serving that share.

    Absences are taken to be geometric: the chance that it stays away for as many
    turns as a lifetime has room for, or that one turn alone outlasts it.
    """
    slow = seen.pace.outlasts(lifetime)
    if share >= 1.0:
        return slow
    turns = lifetime / seen.pace.mean_seconds
    return 1.0 - (1.0 - slow) * (1.0 - (1.0 - share) ** turns)


def _fills(plan: _Plan, served: Arm, seen: Situated) -> float:
    """USD to bring the plan's caches up to the prompt once ``served`` has served."""
    total = 0.0
    for arm, used in plan.uses:
        if arm is not served:
            rate = arm.rates
            missing = seen.prompt - arm.warm
            total += used * (rate.cache_write - rate.cache_read) * missing
    return total
