"""How good predictions are for each agent, with intervals."""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final


RESAMPLES: Final = 400
SEED: Final = 0
_CHANCES: Final = 50
_VERSION: Final = re.compile(r"[-_ ]?v?\d[\d.]*$")
_DIGITS: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Predicted:
    """A turn, and the probability it got from a model that did not see it."""

    agent: str
    task: str
    probability: float
    """P(mechanical)."""
    true: bool
    """Whether it was mechanical."""
    known: bool
    """Whether the model was asked: else it was hard by definition."""


def agent_weights(agents: Sequence[str], power: float = 1.0) -> list[float]:
    """A weight for each turn, 1 on average.

    Args:
        agents: Of each turn.
        power: 1: all agents weigh the same; 0: all turns do.
    """
    turns = Counter(agents)
    weights = [turns[agent] ** -power for agent in agents]
    mean = sum(weights) / len(weights)
    return [weight / mean for weight in weights]


def families(agents: Collection[str]) -> dict[str, str]:
    """By agent, the name that its versions share; they are left out together.

    >>> families({"openhands_v0", "openhands_v1", "trae"})["openhands_v1"]
    'openhands'
    """
    return {agent: _VERSION.sub("", agent) or agent for agent in agents}


def agent_figures(predicted: Sequence[Predicted]) -> dict[str, dict[str, Any]]:
    """By agent: turns, tasks, and figures, each with its 95 % bootstrap interval."""
    by_agent: defaultdict[str, list[Predicted]] = defaultdict(list)
    for turn in predicted:
        by_agent[turn.agent].append(turn)
    return {agent: _figures(turns) for agent, turns in sorted(by_agent.items())}


def _figures(turns: Sequence[Predicted]) -> dict[str, Any]:
    by_task: defaultdict[str, list[Predicted]] = defaultdict(list)
    for turn in turns:
        by_task[turn.task].append(turn)
    tasks = list(by_task.values())
    value = _measured(turns)
    draw = random.Random(SEED)
    drawn: defaultdict[str, list[float]] = defaultdict(list)
    for _ in range(RESAMPLES):
        sample = [t for task in draw.choices(tasks, k=len(tasks)) for t in task]
        for name, figure in _measured(sample).items():
            if figure is not None:
                drawn[name].append(figure)
    return {
        "turns": len(turns),
        "tasks": len(tasks),
        "mechanical": round(sum(t.true for t in turns) / len(turns), _DIGITS),
        **{name: _interval(v, drawn[name]) for name, v in value.items()},
        "ece_by_chance": round(_ece_by_chance(turns), _DIGITS),
    }


def _ece_by_chance(turns: Sequence[Predicted]) -> float:
    """Mean calibration error that so many turns would show if every probability were
    exactly right: what is left of an error above that is the model's."""
    draw = random.Random(SEED)
    probabilities = [t.probability for t in turns]
    errors = [
        expected_calibration_error(
            reliability(probabilities, [draw.random() < p for p in probabilities])
        )
        for _ in range(_CHANCES)
    ]
    return sum(errors) / len(errors)


def _measured(turns: Sequence[Predicted]) -> Mapping[str, float | None]:
    known = [t for t in turns if t.known]
    curve = reliability([t.probability for t in turns], [t.true for t in turns])
    return {
        "auc": auc(turns),
        "auc_open": auc(known),
        "ece": expected_calibration_error(curve),
    }


def _interval(value: float | None, drawn: list[float]) -> list[float] | None:
    """The figure, and the limits that 95 % of the samples lie in."""
    if value is None:
        return None
    drawn.sort()
    low, high = (drawn[int(share * (len(drawn) - 1))] for share in (0.025, 0.975))
    return [round(v, _DIGITS) for v in (value, low, high)]


def auc(turns: Sequence[Predicted]) -> float | None:
    """How probable it is that a mechanical turn is ranked above a hard one.

    ``None``: there are not both. By rank sums, ties counting half (Mann and Whitney).
    """
    ordered = sorted((t.probability, t.true) for t in turns)
    positives = sum(true for _, true in ordered)
    negatives = len(ordered) - positives
    if not positives or not negatives:
        return None
    ranks, i = 0.0, 0
    while i < len(ordered):
        end = i
        while end < len(ordered) and ordered[end][0] == ordered[i][0]:
            end += 1
        ties = sum(true for _, true in ordered[i:end])
        ranks += ties * (i + 1 + end) / 2
        i = end
    return (ranks - positives * (positives + 1) / 2) / (positives * negatives)


def reliability(
    probabilities: Sequence[float], truth: Sequence[bool], bins: int = 10
) -> list[tuple[int, float, float]]:
    """Count, mean probability and share of true cases of each tenth of [0, 1]."""
    cells: list[list[tuple[float, bool]]] = [[] for _ in range(bins)]
    for p, true in zip(probabilities, truth, strict=True):
        cells[min(int(p * bins), bins - 1)].append((p, true))
    return [
        (
            len(cell),
            round(sum(p for p, _ in cell) / len(cell), _DIGITS),
            round(sum(true for _, true in cell) / len(cell), _DIGITS),
        )
        for cell in cells
        if cell
    ]


def expected_calibration_error(curve: Sequence[tuple[int, float, float]]) -> float:
    """Mean distance of probability and share, weighted by count (Naeini 2015)."""
    total = sum(count for count, _, _ in curve)
    return sum(count * abs(p - share) for count, p, share in curve) / total
