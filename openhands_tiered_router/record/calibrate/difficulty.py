"""How far a score tells a task's difficulty, on which all models agree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from openhands_tiered_router.policy.difficulty.task_weights import DifficultyFit
from openhands_tiered_router.policy.value.table import Work, default_table
from openhands_tiered_router.record.calibrate.issues import CENTRE, SPREAD, Issues
from openhands_tiered_router.record.calibrate.outcomes import Difficulty
from openhands_tiered_router.record.calibrate.samples import Outcome, Task


if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    type Floats = NDArray[np.float64]

_REACH: Final = 2 * SPREAD
"""Two standard deviations of issues' scores: 19 of 20 are within."""
_BINS: Final = 10


@dataclass(frozen=True, slots=True)
class Shifted:
    """A fit of the difficulty, and how well its odds are calibrated."""

    fit: DifficultyFit
    correlation: float
    """Of held-out scores and difficulty."""
    ece: float
    """Expected calibration error of P(solved), over all models and issues."""


def fit_difficulty(issues: Issues, scores: Floats) -> Shifted:
    """Least squares of the issues' difficulty on scores from held-out repositories.

    A difficulty is its mean given what all models did (Rasch, `policy.value.table`).
    Each repository's odds are judged by a slope fitted to the others'.
    """
    import numpy as np  # optional extra

    difficulty = Difficulty.standard()
    solving = _solving(issues, difficulty)
    seen = np.array(
        [difficulty.posterior(t, solving) @ difficulty.grid for t in _tasks(issues)]
    )
    centred = scores - CENTRE
    off = np.clip(centred, -_REACH, _REACH)
    repositories = np.array(issues.repositories)
    shifts = np.zeros(len(off))
    for repository in sorted(set(issues.repositories)):
        held = repositories == repository
        shifts[held] = off[held] * _slope(off[~held], seen[~held])
    fit = DifficultyFit(CENTRE, round(_slope(off, seen), 3), _REACH)
    # Scores that say nothing shift nothing: no correlation is defined, none is shown.
    correlation = float(np.corrcoef(shifts, seen)[0, 1]) if shifts.any() else 0.0
    return Shifted(
        fit,
        round(correlation, 3),
        round(_ece(issues, shifts, solving, difficulty), 4),
    )


def _slope(off: Floats, seen: Floats) -> float:
    import numpy as np  # as above

    slope = float(off @ (seen - np.mean(seen)) / max(off @ off, 1e-12))
    return max(slope, 0.0)


def _solving(issues: Issues, difficulty: Difficulty) -> dict[str, Floats]:
    import numpy as np  # as above

    sigma = default_table().spread(Work.BUGS).sigma
    failed = np.nanmean(issues.failed, 0)
    return {
        model: difficulty.solving(1.0 - float(share), sigma)
        for model, share in zip(issues.models, failed, strict=True)
    }


def _tasks(issues: Issues) -> list[Task]:
    return [
        Task(
            id_,
            "",
            {m: Outcome(not f, None) for m, f in zip(issues.models, row, strict=True)
             if f == f},
        )
        for id_, row in zip(issues.ids, issues.failed, strict=True)
    ]  # fmt: skip


def _ece(
    issues: Issues,
    shifts: Floats,
    solving: Mapping[str, Floats],
    difficulty: Difficulty,
) -> float:
    """Mean distance of predicted and real share over ten bins of equal size."""
    import numpy as np  # as above

    grid: Any = difficulty.grid
    pairs: list[tuple[float, float]] = []
    for shift, row in zip(shifts, issues.failed, strict=True):
        for model, failed in zip(issues.models, row, strict=True):
            if failed == failed:
                p = np.interp(grid + shift, grid, solving[model])
                pairs.append((float(difficulty.weights @ p), 1.0 - failed))
    bins = np.array_split(np.array(sorted(pairs)), _BINS)
    parts = [len(b) * abs(b[:, 0].mean() - b[:, 1].mean()) for b in bins if len(b)]
    return float(sum(parts) / len(pairs))
