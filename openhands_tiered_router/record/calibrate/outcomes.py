"""From outcomes by instance to the table of models: rates, costs, how tasks differ."""

from __future__ import annotations

import itertools
import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from openhands_tiered_router.policy.value.table import BENCHMARKS
from openhands_tiered_router.record.calibrate.samples import Outcome, SampleError, Task


if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    type Floats = NDArray[np.float64]

_LEAST_TASKS: Final = 30
"""Tasks below which nothing is said of how tasks differ."""
_LEAST_CASES: Final = 10
"""Tasks that one model failed and another tried, for a pair of models to count."""
_MARGIN: Final = 0.03
"""How much better the second model of a pair must be: what a way would try next."""
_SIGMAS: Final = tuple(i / 4 for i in range(29))


def table_json(tasks: Sequence[Task], source: str) -> dict[str, Any]:
    """The table's file: what each model solved and spent, and how tasks differ.

    Args:
        tasks: Of the benchmarks that the table knows; others are left out.
        source: Where the outcomes are from and as of when.
    """
    models: dict[str, dict[str, list[float | None]]] = defaultdict(dict)
    works: dict[str, dict[str, Any]] = {}
    for benchmark, work in BENCHMARKS.items():
        mine = [task for task in tasks if task.benchmark == benchmark]
        if not mine:
            continue
        for model, rows in sorted(_by_model(mine).items()):
            costs = [r.usd for r in rows if r.usd is not None]
            known = len(costs) >= len(rows) / 2
            usd = round(statistics.fmean(costs), 4) if known else None
            models[model][str(work)] = [len(rows), sum(r.solved for r in rows), usd]
        works[str(work)] = {"benchmark": benchmark, "tasks": len(mine), **_spread(mine)}
    if not works:
        raise SampleError(f"no task of {', '.join(BENCHMARKS)}: see --help")
    return {"source": source, "works": works, "models": dict(sorted(models.items()))}


def _by_model(tasks: Iterable[Task]) -> dict[str, list[Outcome]]:
    rows: dict[str, list[Outcome]] = defaultdict(list)
    for task in tasks:
        for model, outcome in task.outcomes.items():
            rows[model].append(outcome)
    return rows


@dataclass(frozen=True)
class Difficulty:
    """The distribution of difficulty that all models share, on a grid."""

    grid: Floats
    weights: Floats

    @classmethod
    def standard(cls) -> Difficulty:
        """Standard normal."""
        import numpy as np  # optional extra

        grid = np.arange(-4, 4.01, 0.1)
        weights = np.exp(-(grid**2) / 2)
        return cls(grid, weights / weights.sum())

    def solving(self, rate: float, sigma: float) -> Floats:
        """P(solved) at each difficulty for a model that solves ``rate`` overall."""
        from scipy.optimize import brentq  # as above

        rate = min(max(rate, 0.005), 0.995)

        def excess(ability: float) -> float:
            return float(self.weights @ _sigmoid(ability - sigma * self.grid)) - rate

        ability: Any = brentq(excess, -60, 60)
        return _sigmoid(ability - sigma * self.grid)

    def posterior(
        self, task: Task, solving: Mapping[str, Floats], without: str = ""
    ) -> Floats:
        """The difficulty's distribution given what the models did with a task."""
        import numpy as np  # as above

        log = np.log(self.weights)
        for model, outcome in task.outcomes.items():
            if model != without and model in solving:
                p = solving[model] if outcome.solved else 1 - solving[model]
                log = log + np.log(np.clip(p, 1e-9, 1))
        weights = np.exp(log - log.max())
        return weights / weights.sum()


def _sigmoid(x: Any) -> Any:
    from scipy.special import expit  # as above

    return expit(x)


def _spread(tasks: Sequence[Task]) -> dict[str, float | None]:
    if len(tasks) < _LEAST_TASKS:
        return {"sigma": None, "error": None, "independent": None, "cost_growth": None}
    difficulty = Difficulty.standard()
    rates = {
        model: statistics.fmean(r.solved for r in rows)
        for model, rows in _by_model(tasks).items()
    }
    pairs = _pairs(tasks, rates)
    errors = {s: _error(pairs, rates, s, difficulty) for s in _SIGMAS}
    sigma = min(errors, key=lambda s: errors[s])
    solving = {m: difficulty.solving(r, sigma) for m, r in rates.items()}
    return {
        "sigma": sigma,
        "error": round(errors[sigma], 3),
        "independent": round(errors[0.0], 3),
        "cost_growth": round(_growth(tasks, solving, difficulty), 3),
    }


type _Pairs = dict[tuple[str, str], tuple[float, int]]


def _pairs(tasks: Sequence[Task], rates: Mapping[str, float]) -> _Pairs:
    """P(second solves | first failed) and its cases, where the second is better."""
    found: _Pairs = {}
    for first, second in itertools.permutations(rates, 2):
        if not _MARGIN < rates[first] < rates[second] - _MARGIN < 1 - 2 * _MARGIN:
            continue
        cases = [
            t.outcomes[second].solved
            for t in tasks
            if first in t.outcomes
            and second in t.outcomes
            and not t.outcomes[first].solved
        ]
        if len(cases) >= _LEAST_CASES:
            found[first, second] = statistics.fmean(cases), len(cases)
    return found


def _error(
    pairs: _Pairs, rates: Mapping[str, float], sigma: float, difficulty: Difficulty
) -> float:
    """Root mean square error of P(second solves | first failed), by cases."""
    solving = {m: difficulty.solving(r, sigma) for m, r in rates.items()}
    squares, cases = 0.0, 0
    for (first, second), (share, count) in pairs.items():
        failing = difficulty.weights * (1 - solving[first])
        expected = float(failing @ solving[second] / failing.sum())
        squares += count * (expected - share) ** 2
        cases += count
    return math.sqrt(squares / cases) if cases else 0.0


def _growth(
    tasks: Sequence[Task], solving: Mapping[str, Floats], difficulty: Difficulty
) -> float:
    """Slope of log cost on the difficulty that the other models see, within models."""
    by_model: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for task in tasks:
        for model, outcome in task.outcomes.items():
            if outcome.usd:
                seen = difficulty.posterior(task, solving, without=model)
                at = float(seen @ difficulty.grid)
                by_model[model].append((at, math.log(outcome.usd)))
    over = under = 0.0
    for rows in by_model.values():
        x, y = (statistics.fmean(column) for column in zip(*rows, strict=True))
        over += sum((a - x) * (b - y) for a, b in rows)
        under += sum((a - x) ** 2 for a, _ in rows)
    return max(over / under, 0.0) if under else 0.0
