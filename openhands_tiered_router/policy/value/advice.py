"""Which models to put into the tiers, at a value of a solved task."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from openhands_tiered_router.policy.value.strength import Strength, Verdicts
from openhands_tiered_router.policy.value.table import Table, Work
from openhands_tiered_router.policy.value.ways import (
    Belief,
    Odds,
    Runner,
    Way,
    expected,
)
from openhands_tiered_router.tiers import Tier


_SEATS: Final[Mapping[int, tuple[Tier, ...]]] = {
    1: (Tier.COMPLEX,),
    2: (Tier.SIMPLE, Tier.COMPLEX),
    3: (Tier.SIMPLE, Tier.MEDIUM, Tier.COMPLEX),
    4: tuple(Tier),
}
"""The tiers that so many models take; one that stays empty is served from above."""
_OTHER_VALUES: Final = (0.25, 4.0)
"""Factors on the value that decide between sets that are worth the same at it: seats
that the best way leaves free go to models for cheaper and for dearer tasks."""


@dataclass(frozen=True, slots=True)
class Model:
    """A model with what is known of it on one kind of work."""

    name: str
    success: float
    """Share of tasks that it solves alone."""
    usd: float
    """Mean USD that it spends on one."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Models in the order in which they would try a task, and what that comes to."""

    models: tuple[Model, ...]
    success: float
    usd: float

    def worth(self, value: float) -> float:
        """Expected USD a task, at that value of a solved one."""
        return value * self.success - self.usd


@dataclass(frozen=True, slots=True)
class Advice:
    """What to put into the tiers, and why."""

    seats: Mapping[Tier, Model]
    best: Plan
    """What a task of unknown difficulty would be tried with."""
    singles: tuple[Plan, ...]
    """Each efficient model alone, cheapest first."""
    others: tuple[Model, ...]
    """Models that another one beats in both success and cost."""


def models_of(
    table: Table,
    work: Work,
    names: Iterable[str] | None = None,
    verdicts: Mapping[str, Verdicts] | None = None,
) -> list[Model]:
    """The models whose success and cost are known for that work.

    Args:
        table: Published results.
        work: The kind of work.
        names: Only these, by the table's names.
        verdicts: What became of the user's tasks, by litellm model string.
    """
    own: dict[str, Verdicts] = {}
    for model, verdict in (verdicts or {}).items():
        if name := table.find(model):
            own[name] = verdict + own.get(name, Verdicts(0, 0))
    found = []
    for name in table.results if names is None else names:
        success, usd = table.success(name, work), table.usd(name, work)
        if success is not None and usd is not None:
            known = Strength(success, usd, "")
            if name in own:
                known = known.after(own[name])
            found.append(Model(name, known.success, usd))
    return found


def efficient(models: Sequence[Model]) -> list[Model]:
    """Those that no other model beats in both success and cost; cheapest first."""
    kept: list[Model] = []
    for model in sorted(models, key=lambda m: (m.usd, -m.success, m.name)):
        if not kept or model.success > kept[-1].success:
            kept.append(model)
    return kept


def advise(models: Sequence[Model], odds: Odds, seats: int = 4) -> Advice | None:
    """The models whose best way is worth most; ``None`` without any model.

    All ways of up to four efficient models are priced; a set of models is worth what
    the best of its ways is.

    Args:
        models: At hand, with success and cost.
        odds: Value of a solved task, the verifier's rates, how tasks differ.
        seats: Tiers to fill, at most.
    """
    frontier = efficient(models)
    if not frontier:
        return None
    seats = min(seats, len(frontier), len(Tier))
    plans = _plans(frontier, odds, seats)
    values = [odds.value, *(odds.value * factor for factor in _OTHER_VALUES)]

    def rank(chosen: tuple[Model, ...]) -> list[float]:
        return [_best(plans, chosen, value).worth(value) for value in values]

    def preferred(chosen: tuple[Model, ...]) -> tuple[float, float]:
        first, *others = rank(chosen)
        # Tenths of a cent: below that the figures say nothing.
        return round(first, 3), sum(others)

    chosen = max(combinations(frontier, seats), key=preferred)
    return Advice(
        seats=dict(zip(_SEATS[seats], chosen, strict=True)),
        best=_best(plans, chosen, odds.value),
        singles=tuple(plans[(model,)] for model in frontier),
        others=tuple(m for m in models if m not in frontier),
    )


_Plans = Mapping[tuple[Model, ...], Plan]


def _plans(frontier: Sequence[Model], odds: Odds, most: int) -> _Plans:
    prior = Belief.prior()
    found: dict[tuple[Model, ...], Plan] = {}
    for count in range(1, most + 1):
        for way in combinations(frontier, count):
            runners = [
                Runner(Tier(i), model.success, model.usd) for i, model in enumerate(way)
            ]
            whole: Way = expected(runners, odds, prior)
            found[way] = Plan(way, whole.success, whole.usd)
    return found


def _best(plans: _Plans, chosen: Sequence[Model], value: float) -> Plan:
    ways = (
        way
        for count in range(1, len(chosen) + 1)
        for way in combinations(chosen, count)
    )
    return max((plans[way] for way in ways), key=lambda plan: plan.worth(value))
