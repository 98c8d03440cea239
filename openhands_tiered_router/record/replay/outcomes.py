"""What a way of trying tasks would have come to, where outcomes are known.

A task starts on its way's first tier. When that says that it is done, a verifier
rejects wrong work with probability ``catch`` and accepts right work with probability
``accept``. Rejected work goes to the way's next tier, which begins anew, so that its
whole cost is added; the last tier's work is delivered unseen.
"""

from __future__ import annotations

import random
import statistics
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from openhands_tiered_router.policy.value.table import plain_name
from openhands_tiered_router.record.calibrate.samples import Outcome, Task
from openhands_tiered_router.tiers import Tier, TierSet


RESAMPLES: Final = 1_000
_SEED: Final = 0
CONFIGURED: Final = "configured"
HINDSIGHT: Final = "hindsight"

Way = tuple[Tier, ...]


class OutcomeError(ValueError):
    """The outcomes do not fit the configuration; says what is missing."""


@dataclass(frozen=True, slots=True)
class Judge:
    """What holds for all ways."""

    value: float
    """USD that a solved task is worth."""
    catch: float
    """Share of wrong work that the verifier rejects; 0: there is none."""
    accept: float
    """Share of right work that it accepts; 1: there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """One way of having all tasks done; figures are means a task."""

    name: str
    success: float
    usd: float
    worth: float
    """USD: value x success - cost."""
    low: float
    high: float
    """95 % bootstrap interval of ``worth``, over tasks."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The configured policy beside all fixed ways and hindsight."""

    tasks: int
    skipped: int
    """Tasks that some tier's model has no outcome for."""
    rows: tuple[Scored, ...]
    """The configured one first, hindsight last, fixed ways between, best first."""
    chosen: Mapping[str, int]
    """How often the policy chose each way."""


def compare(
    tasks: Sequence[Task],
    tiers: TierSet,
    decide: Callable[[Task], Sequence[Tier]],
    judge: Judge,
) -> Comparison:
    """Scores the policy's ways, each fixed way, and the best of each task.

    Args:
        tasks: With what each model did on them.
        tiers: Whose models the outcomes are looked up for, by name.
        decide: The policy: the way of a task.
        judge: Value of a solved task and the verifier's rates.

    Raises:
        OutcomeError: No task has an outcome with each tier's model.
    """
    usable = _usable(tasks, tiers)
    if not usable:
        raise OutcomeError(_why_none(tasks, tiers))
    known = tiers.tiers()
    # Without a verifier nothing is rejected: a way is its first tier.
    longest = len(known) if judge.catch else 1
    ways = [w for count in range(longest) for w in combinations(known, count + 1)]
    table = {way: [_run(o, way, judge) for _, o in usable] for way in ways}
    decided = [_served(decide(task), tiers)[:longest] for task, _ in usable]
    own = [table[way][i] for i, way in enumerate(decided)]
    best = [
        max((table[way][i] for way in ways), key=lambda r: _worth(r, judge))
        for i in range(len(usable))
    ]
    samples = _samples(len(usable))
    fixed = [_scored(_name(way), rows, judge, samples) for way, rows in table.items()]
    fixed.sort(key=lambda row: -row.worth)
    return Comparison(
        tasks=len(usable),
        skipped=len(tasks) - len(usable),
        rows=(
            _scored(CONFIGURED, own, judge, samples),
            *fixed,
            _scored(HINDSIGHT, best, judge, samples),
        ),
        chosen=dict(Counter(map(_name, decided)).most_common()),
    )


_Outcomes = Mapping[Tier, Outcome]
_Result = tuple[float, float]
"""Expected success and USD of one task."""


def _usable(tasks: Sequence[Task], tiers: TierSet) -> list[tuple[Task, _Outcomes]]:
    wanted = {tier: plain_name(tiers.of(tier)[0].model) for tier in tiers.tiers()}
    found = []
    for task in tasks:
        by_name = {plain_name(model): o for model, o in task.outcomes.items()}
        own = {tier: by_name[name] for tier, name in wanted.items() if name in by_name}
        if len(own) == len(wanted) and all(o.usd is not None for o in own.values()):
            found.append((task, own))
    return found


def _why_none(tasks: Sequence[Task], tiers: TierSet) -> str:
    there = {plain_name(model) for task in tasks for model in task.outcomes}
    missing = [
        f"{tier} ({tiers.of(tier)[0].model})"
        for tier in tiers.tiers()
        if plain_name(tiers.of(tier)[0].model) not in there
    ]
    if not missing:
        return "no task has been tried with the models of all tiers"
    names = ", ".join(sorted({m for task in tasks for m in task.outcomes}))
    return (
        f"no outcomes of {', '.join(missing)}; there are those of {names}. Put some of "
        "these into the tiers: tiered-router advise --model NAME --write FILE"
    )


def _served(way: Sequence[Tier], tiers: TierSet) -> Way:
    """The tiers that really serve, each once."""
    return tuple(dict.fromkeys(tiers.serving(tier) for tier in way))


def _run(outcomes: _Outcomes, way: Way, judge: Judge) -> _Result:
    alive, success, usd = 1.0, 0.0, 0.0
    for tier in way:
        outcome = outcomes[tier]
        usd += alive * (outcome.usd or 0.0)
        accepted = judge.accept if outcome.solved else 1 - judge.catch
        if tier == way[-1]:
            accepted = 1.0
        success += alive * accepted * outcome.solved
        alive *= 1 - accepted
    return success, usd


def _worth(result: _Result, judge: Judge) -> float:
    return judge.value * result[0] - result[1]


def _samples(count: int) -> list[list[int]]:
    """The same resamples for every row, so that rows compare."""
    draw = random.Random(_SEED)
    return [draw.choices(range(count), k=count) for _ in range(RESAMPLES)]


def _scored(
    name: str,
    results: Sequence[_Result],
    judge: Judge,
    samples: Sequence[Sequence[int]],
) -> Scored:
    worth = [_worth(result, judge) for result in results]
    means = sorted(sum(map(worth.__getitem__, s)) / len(s) for s in samples)
    return Scored(
        name=name,
        success=statistics.fmean(success for success, _ in results),
        usd=statistics.fmean(usd for _, usd in results),
        worth=statistics.fmean(worth),
        low=means[int(0.025 * (len(means) - 1))],
        high=means[int(0.975 * (len(means) - 1))],
    )


def _name(way: Way) -> str:
    return " ".join(map(str, way))
