"""How far a score tells a task's difficulty."""

from __future__ import annotations

import math
from typing import Any

import pytest

from openhands_tiered_router.policy.difficulty.task_weights import (
    DifficultyFit,
    default_weights,
)
from openhands_tiered_router.record.calibrate.difficulty import fit_difficulty
from openhands_tiered_router.record.calibrate.issues import CENTRE, SPREAD, Issues


np = pytest.importorskip("numpy")
pytest.importorskip("sklearn")


def issues(slope: float, count: int = 400) -> tuple[Issues, Any]:
    """Issues whose difficulty follows their scores, and what ten models did."""
    random = np.random.default_rng(0)
    scores = CENTRE + SPREAD * random.standard_normal(count)
    noise = math.sqrt(max(1 - (slope * SPREAD) ** 2, 0))
    d = slope * (scores - CENTRE) + noise * random.standard_normal(count)
    ability = np.linspace(-3, 5, 10)
    p = 1 / (1 + np.exp(4.25 * d[:, None] - ability))
    failed = (random.random(p.shape) > p).astype(float)
    return Issues(
        ids=[str(i) for i in range(count)],
        repositories=[f"r{i % 5}" for i in range(count)],
        values=np.zeros((count, 1)),
        failed=failed,
        models=[f"m{i}" for i in range(10)],
    ), scores


def test_a_score_that_tells_the_difficulty_shifts_it() -> None:
    told, scores = issues(slope=8.0)
    found = fit_difficulty(told, scores)
    assert found.fit.slope == pytest.approx(8.0, rel=0.25)
    assert found.correlation > 0.3
    assert found.ece < 0.05


def test_a_score_that_tells_nothing_shifts_little() -> None:
    told, scores = issues(slope=0.0)
    found = fit_difficulty(told, scores)
    assert found.fit.slope < 2
    assert abs(found.correlation) < 0.2


def test_a_shift_ends_where_no_issue_has_been_seen() -> None:
    fit = DifficultyFit(centre=0.7, slope=2.0, reach=0.1)
    assert fit.shift(0.7) == 0
    assert fit.shift(0.75) == pytest.approx(0.1)
    assert fit.shift(5.0) == pytest.approx(0.2)
    assert fit.shift(-5.0) == pytest.approx(-0.2)


def test_a_higher_score_of_the_package_never_makes_a_task_easier() -> None:
    shifts = [default_weights().difficulty.shift(i / 100) for i in range(101)]
    assert shifts == sorted(shifts)
    assert shifts[0] < 0 < shifts[-1]
    assert default_weights().difficulty.reach < 0.2
