"""What holding an endpoint and switching to another cost over the turns to come.

A conversation that alternates between a strong and a weak endpoint is a Markov
decision process: its state is which of them serves, how much longer the other's
prompt cache lives, and the outlook of the turn; an action picks who serves. The
least expected discounted cost from each state follows by dynamic programming
(Bellman 1957). A hard turn that the weak one serves costs ``leak_price`` on top.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, inf
from typing import Final

from openhands_tiered_router.policy.economics.dynamics import (
    FORCED,
    OUTLOOKS,
    TurnDynamics,
)


STEPS: Final = 5
"""Steps in which a cache's remaining life is counted."""
HORIZON: Final = 16
"""Turns looked ahead one by one; beyond stands an estimate, `_beyond`."""
DISCOUNT: Final = 0.988
"""Probability that a session goes on after a turn: 86 turns on average (recorded)."""
ABSENCE: Final = 3.0
"""Turns that an endpoint is left aside: mechanical turns come in runs of 2.65, and
most caches that live that long live on. Fitted by replay."""
STRONG: Final = 0
WEAK: Final = 1

_Kernel = list[list[tuple[int, float]]]
_Values = list[list[list[float]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """An endpoint as the process sees it; USD per token, and seconds."""

    read: float
    write: float
    output: float
    lifetime: float


@dataclass(frozen=True, slots=True)
class Future:
    """Expected discounted cost, USD, of the turns after the next."""

    held: _Values
    """By who serves the next turn, steps that the other lives on, and outlook."""
    lifetimes: tuple[float, float]

    def after(
        self, serves: int, served: int | None, other_left: float, seen: int
    ) -> float:
        """The cost once ``serves`` has served the next turn.

        Args:
            serves: ``STRONG`` or ``WEAK``.
            served: Which of them served the last turn; ``None``: neither.
            other_left: Seconds that the other's prefix lives on before the turn.
            seen: Outlook of the next turn.
        """
        other = 1 - serves
        if served == other:
            return self.held[serves][STEPS][seen]
        steps = ceil(other_left / self.lifetimes[other] * STEPS - 0.5)
        least = 1 if other_left > 0 else 0
        return self.held[serves][min(max(steps, least), STEPS)][seen]


@lru_cache(maxsize=1_024)
def future(
    strong: Rates,
    weak: Rates,
    *,
    prompt: float,
    growth: float,
    pace: float,
    leak_price: float,
    dynamics: TurnDynamics,
) -> Future:
    """Solves the process; some 2 ms, remembered by its arguments.

    Args:
        strong: The endpoint that hard turns are meant for.
        weak: The endpoint that may serve mechanical ones.
        prompt: Tokens of the prompt.
        growth: Tokens that each turn adds.
        pace: Geometric mean of a turn's seconds.
        leak_price: What a hard turn served by ``weak`` is held to cost, USD.
        dynamics: How outlooks follow each other.
    """
    both = (strong, weak)
    kernels = [_kernel(dynamics, pace, rates.lifetime) for rates in both]
    extra = [r.write * growth for r in both]
    leak = [[0.0] * OUTLOOKS, [leak_price * hard for hard in dynamics.hard]]
    leak[WEAK][FORCED] = inf
    size = prompt + HORIZON * growth
    warm = [_turns(r, size, growth, dynamics) for r in both]
    worth = _worth(both, warm, leak[WEAK], extra, size, pace, dynamics)
    value = [_beyond(worth, _fill(both[1 - m], size)) for m in (STRONG, WEAK)]
    for ahead in range(HORIZON, 0, -1):
        size = prompt + ahead * growth
        warm = [_turns(r, size, growth, dynamics) for r in both]
        cold = [
            [cost + _fill(r, size) for cost in costs]
            for r, costs in zip(both, warm, strict=True)
        ]
        held = _held(value, dynamics, kernels)
        value = [_least(m, held, (warm, cold, leak), extra) for m in (STRONG, WEAK)]
    lifetimes = (strong.lifetime, weak.lifetime)
    return Future(_held(value, dynamics, kernels), lifetimes)


def _turns(
    rates: Rates, prompt: float, growth: float, dynamics: TurnDynamics
) -> list[float]:
    """Cost of a turn by outlook, where the rest of the prompt is cached."""
    size = rates.read * prompt + rates.write * growth
    return [size + rates.output * output for output in dynamics.output]


def _fill(rates: Rates, prompt: float) -> float:
    return (rates.write - rates.read) * prompt


def _worth(
    both: tuple[Rates, Rates],
    warm: Sequence[Sequence[float]],
    leak: Sequence[float],
    extra: Sequence[float],
    prompt: float,
    pace: float,
    dynamics: TurnDynamics,
) -> float:
    """What it saves from then on to have both caches warm, USD; 0: nothing.

    Each turn is served where it costs less and written to both; a cache that does not
    outlive an absence must be filled again.
    """
    saved = 0.0
    for outlook, share in enumerate(dynamics.shares):
        down = warm[WEAK][outlook] + extra[STRONG] + leak[outlook]
        hold = warm[STRONG][outlook]
        saved += share * (hold - min(hold + extra[WEAK], down))
    times = [time for row in dynamics.times for time in row]
    for rates in both:
        lost = sum(ABSENCE * time * pace > rates.lifetime for time in times)
        saved -= _fill(rates, prompt) * lost / len(times)
    return max(saved, 0.0) * DISCOUNT / (1.0 - DISCOUNT)


def _beyond(worth: float, fill: float) -> list[list[float]]:
    """Values past the horizon: a cold cache is filled where that pays."""
    cold = -max(worth - fill, 0.0)
    return [[cold] * OUTLOOKS, *([-worth] * OUTLOOKS for _ in range(STEPS))]


def _kernel(dynamics: TurnDynamics, pace: float, lifetime: float) -> _Kernel:
    """By outlook: how many steps of a cache's life a turn takes, with probability."""
    kernels: _Kernel = []
    for times in dynamics.times:
        chances = [0.0] * (STEPS + 1)
        for time in times:
            steps = time * pace / lifetime * STEPS
            whole = int(steps)
            part = steps - whole
            chances[min(whole, STEPS)] += (1 - part) / len(times)
            chances[min(whole + 1, STEPS)] += part / len(times)
        kernels.append([(j, w) for j, w in enumerate(chances) if w])
    return kernels


def _held(
    value: _Values, dynamics: TurnDynamics, kernels: Sequence[_Kernel]
) -> _Values:
    """Expected value after a turn, by who served it, the other's life, outlook."""
    # Written out: this is most of what a decision costs.
    held: _Values = []
    for m, by_life in enumerate(value):
        coming = []
        for a, b, c, d, e in by_life:
            row = [
                (p[0] * a + p[1] * b + p[2] * c + p[3] * d + p[4] * e) * DISCOUNT
                for p in dynamics.next
            ]
            coming.append(row)
        # The life that runs down meanwhile is the other's.
        columns = list(zip(*coming, strict=True))
        by_outlook: list[list[float]] = []
        for drops, column in zip(kernels[1 - m], columns, strict=True):
            after = []
            for r in range(STEPS + 1):
                total = 0.0
                for j, w in drops:
                    total += w * column[r - j if r > j else 0]
                after.append(total)
            by_outlook.append(after)
        held.append([list(row) for row in zip(*by_outlook, strict=True)])
    return held


def _least(
    m: int,
    held: _Values,
    costs: tuple[list[list[float]], list[list[float]], list[list[float]]],
    extra: list[float],
) -> list[list[float]]:
    """Least cost from the states in which ``m`` served last."""
    warm, cold, leak = costs
    other = 1 - m
    rows: list[list[float]] = []
    to_other = [
        leak[other][s] + extra[m] + held[other][STEPS][s] for s in range(OUTLOOKS)
    ]
    stay = [warm[m][s] + leak[m][s] for s in range(OUTLOOKS)]
    for r in range(STEPS + 1):
        # A warm cache that is left aside must be written up to date on return.
        debt = extra[other] if r else 0.0
        back = warm[other] if r else cold[other]
        rows.append(
            [
                min(here + debt + later, there + away)
                for here, later, there, away in zip(
                    stay, held[m][r], back, to_other, strict=True
                )
            ]
        )
    return rows
