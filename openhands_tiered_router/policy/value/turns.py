"""Which model serves the coming turn: tokens, caches and lost success in USD.

A plan is a model for the coming turn and one or two models for the turns after it;
of two, each later turn goes to the one that is worth more for it. A plan's price is

    tokens of the coming turn + its expected loss
    + caches that later turns need and that are not there yet, or will have died
    + TURNS_AHEAD x (tokens, cache upkeep and loss of an average later turn)

on average over how prompts may grow, and the first step of the cheapest is taken
(receding horizon). Prices, caches,
pace and growth are measured in the session; the loss is a model, see `losses`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import compress
from operator import le, mul
from typing import Final, NamedTuple

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
GROWTHS: Final = (0.5, 1.5)
"""Factors on a prompt's expected growth, equally likely: .53 is the standard error of
its logarithm, mean over the same agents. Which one holds shows after the coming turn,
so a model that some of them would leave again is worth less than by their mean."""


class Arm(NamedTuple):
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
    left: float = 0.0
    """Seconds that those warm tokens still live if it does not serve."""
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
    def mean_seconds(self) -> float:
        """Of a turn."""
        return self.pace.mean_seconds

    @cached_property
    def _slow(self) -> dict[float, float]:
        return {}

    def outlasts(self, seconds: float) -> float:
        """P(a turn outlasts them); models have few different lifetimes."""
        slow = self._slow.get(seconds)
        if slow is None:
            slow = self._slow[seconds] = self.pace.outlasts(seconds)
        return slow

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


class Option(NamedTuple):
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
    afterwards = [_after(arm, seen) for arm in arms]
    shares = [share for share, _, _ in seen.kinds]
    # What follows the coming turn is chosen when more is known of the session.
    futures = [
        _later(afterwards, shares, seen.prompt, seen.growth * factor)
        for factor in GROWTHS
    ]
    output = seen.outputs[outlook(seen.p_mechanical)]
    found = []
    for arm, later in zip(arms, zip(*futures, strict=True), strict=True):
        rate, cold = arm.rates, seen.prompt - arm.warm
        now = rate.cache_read * arm.warm + rate.cache_write * cold
        found.append(
            Option(
                key=arm.key,
                now=now + rate.output * output,
                loss=arm.loss(seen.p_mechanical),
                later=sum(later) / len(later),
            )
        )
    return found


class _Cache(NamedTuple):
    """What a model's cache costs in the turns after the coming one."""

    write: float
    """USD a token; ``refill``: more than to read it."""
    refill: float
    slow: float
    """P(a turn outlasts its life)."""
    turns: float
    """Mean turns of a life."""

    def dies(self, share: float) -> float:
        """P(it is dead when the next turn comes to it), serving that share.

        Absences are taken to be geometric: the chance that it stays away for as many
        turns as a lifetime has room for, or that one turn alone outlasts it.
        """
        if share >= 1.0:
            return self.slow
        return 1.0 - (1.0 - self.slow) * (1.0 - (1.0 - share) ** self.turns)

    def upkeep(self, share: float, size: float, growth: float) -> float:
        """USD a turn: what is new, and all of it where it has died."""
        return self.write * growth + share * self.refill * size * self.dies(share)


class _After(NamedTuple):
    """A model in the turns after the coming one."""

    read: float
    turns: tuple[float, ...]
    """USD of a turn by outlook, its prompt apart."""
    caches: tuple[_Cache, ...]
    """By the lifetimes that it may buy."""
    missing: float
    """USD to write all of the coming prompt instead of reading it."""
    warm: float
    """How much of that the cache saves which it has, if it lives."""
    left: _Cache
    """That cache."""

    def kept(self, share: float, size: float, growth: float) -> tuple[float, float]:
        """USD of its cache in the turns looked ahead, and before them to bring it up
        to the prompt, serving that share."""
        upkeep = self.caches[0].upkeep(share, size, growth)
        if len(self.caches) > 1:
            upkeep = min(upkeep, self.caches[1].upkeep(share, size, growth))
        missing = self.missing
        if self.warm:
            missing -= self.warm * (1.0 - self.left.dies(share))
        ever = 1.0 - (1.0 - share) ** TURNS_AHEAD
        return TURNS_AHEAD * upkeep, ever * missing


def _after(arm: Arm, seen: Situated) -> _After:
    rate = arm.rates

    def cache(write: float, seconds: float) -> _Cache:
        refill = write - rate.cache_read
        turns = seconds / seen.mean_seconds
        return _Cache(write, refill, seen.outlasts(seconds), turns)

    caches = [cache(rate.cache_write, arm.lifetime)]
    if arm.longer is not None:
        caches.append(cache(*arm.longer))
    missing = caches[0].refill * seen.prompt
    return _After(
        read=rate.cache_read,
        turns=tuple(
            rate.output * output + arm.mechanical + hard * (arm.hard - arm.mechanical)
            for _, hard, output in seen.kinds
        ),
        caches=tuple(caches),
        missing=missing,
        warm=caches[0].refill * arm.warm,
        left=cache(0.0, arm.left) if arm.warm else caches[0],
    )


def _later(
    models: Sequence[_After], shares: Sequence[float], prompt: int, growth: float
) -> list[float]:
    """USD of ``TURNS_AHEAD`` turns on the best one or two models for them, by who of
    ``models`` serves the turn before: that one has the prompt then."""
    size = prompt + growth * TURNS_AHEAD / 2
    turns = [[usd + m.read * size for usd in m.turns] for m in models]
    least, after = math.inf, [math.inf] * len(models)
    for i, (model, costs) in enumerate(zip(models, turns, strict=True)):
        upkeep, fill = model.kept(1.0, size, growth)
        usd = TURNS_AHEAD * sum(map(mul, shares, costs)) + upkeep
        least, after[i] = min(least, usd + fill), min(after[i], usd)
        for j in range(i + 1, len(models)):
            taken = sum(compress(shares, map(le, costs, turns[j])))
            if not 0.0 < taken < 1.0:
                continue
            # Each turn goes to the one that is worth more for it.
            turn = sum(map(mul, shares, map(min, costs, turns[j])))
            upkeep, fill = model.kept(taken, size, growth)
            other, refill = models[j].kept(1.0 - taken, size, growth)
            usd = TURNS_AHEAD * turn + upkeep + other
            least = min(least, usd + fill + refill)
            after[i] = min(after[i], usd + refill)
            after[j] = min(after[j], usd + fill)
    return [min(least, usd) for usd in after]
