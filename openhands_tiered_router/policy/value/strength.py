"""How often each model solves a task alone, and what it spends on one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from openhands_tiered_router.policy.value.table import Table, Work, default_table
from openhands_tiered_router.tiers import Endpoint, Tier


PRIOR_TASKS: Final = 12.0
"""Tasks' worth of belief in a published rate. From one benchmark to the next a
model's rate moves by .10 to .19 (standard deviation over 34 models, the benchmarks'
means apart), as a beta distribution of 5 to 19 tasks does; the user's work is taken
to be as far off as another benchmark."""
GIVEN: Final = "configuration"
"""`Strength.source` of the user's own figures."""
BOUNDED: Final = "bounded by"
"""How `Strength.source` begins where a model is unknown and its neighbours say."""


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What became of the user's own tasks with one model."""

    solved: int
    failed: int

    def __add__(self, other: Verdicts) -> Verdicts:
        return Verdicts(self.solved + other.solved, self.failed + other.failed)


@dataclass(frozen=True, slots=True)
class Strength:
    """What is known of one endpoint's model on one kind of work."""

    success: float
    """Share of tasks that it solves alone, in [0, 1]."""
    task_usd: float | None
    """Mean USD that it spends on a task alone; ``None``: not known."""
    source: str
    """Where the success rate is from, in words for the user."""

    @property
    def known(self) -> bool:
        """Whether somebody has measured it; else its neighbours bound it."""
        return not self.source.startswith(BOUNDED)

    def after(self, verdicts: Verdicts) -> Strength:
        """The strength once the user's own verdicts are counted in.

        Beta-binomial: the rate so far weighs as much as ``PRIOR_TASKS`` tasks.
        """
        count = verdicts.solved + verdicts.failed
        if not count:
            return self
        weight = PRIOR_TASKS * self.success + verdicts.solved
        return replace(
            self,
            success=weight / (PRIOR_TASKS + count),
            source=f"{self.source}, {verdicts.solved} of {count} verdicts",
        )


def strengths_of(
    endpoints: Sequence[Endpoint],
    work: Work = Work.BUGS,
    table: Table | None = None,
) -> dict[str, Strength]:
    """How strong each endpoint's model is, by the endpoint's key.

    The user's own figures go before the table's, and are taken as they are; verdicts
    move the table's. A model that neither knows is taken for the version before it, if
    the table has that, and else bounded by the endpoints of the tiers around it. Empty
    if nothing is known of any of them.

    Args:
        endpoints: The router's endpoints.
        work: The kind of work that is to be done.
        table: The package's own if ``None``.
    """
    table = table or default_table()
    found: dict[str, Strength] = {}
    for endpoint in endpoints:
        strength = _own(endpoint, work, table) or _before(endpoint, work, table)
        if strength is None:
            continue
        if endpoint.success is None:
            strength = strength.after(Verdicts(*endpoint.verdicts))
        found[endpoint.key] = strength
    by_tier = [(e.tier, found[e.key]) for e in endpoints if e.key in found]
    for endpoint in endpoints:
        if endpoint.key not in found and by_tier:
            bounded = _bounded(endpoint, by_tier)
            found[endpoint.key] = bounded.after(Verdicts(*endpoint.verdicts))
    return found


def _own(endpoint: Endpoint, work: Work, table: Table) -> Strength | None:
    name = table.find(endpoint.model)
    usd = endpoint.task_usd
    if usd is None and name is not None:
        usd = table.usd(name, work)
    if endpoint.success is not None:
        return Strength(endpoint.success, usd, GIVEN)
    rate = table.success(name, work) if name is not None else None
    return None if rate is None else Strength(rate, usd, f"{name}, published")


def _before(endpoint: Endpoint, work: Work, table: Table) -> Strength | None:
    """That of the version before it: a newer one is not taken to be better without a
    figure that says so. What it spends is its own price's business."""
    name = table.before(endpoint.model)
    rate = table.success(name, work) if name is not None else None
    if rate is None:
        return None
    return Strength(rate, endpoint.task_usd, f"{BOUNDED} {name}, a version before it")


def _bounded(endpoint: Endpoint, known: Sequence[tuple[Tier, Strength]]) -> Strength:
    """Between the strengths of the tiers around it.

    A tier is not taken to be better than the best below it without a figure that
    says so, nor worse than it. With none below, half of what the next tier solves:
    weak enough not to be chosen on hope alone.
    """
    lower = [s.success for tier, s in known if tier <= endpoint.tier]
    upper = [s.success for tier, s in known if tier > endpoint.tier]
    rate = max(lower) if lower else min(upper) / 2
    side = "the tiers below" if lower else "the tiers above"
    return Strength(rate, endpoint.task_usd, f"{BOUNDED} {side}")
