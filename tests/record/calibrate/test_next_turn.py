"""Trees say the same here as where they were fitted; figures are what they say."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from openhands_tiered_router.policy.need.next_turn import NextTurnModel, Tree
from openhands_tiered_router.record.calibrate.next_turn import (
    Sample,
    _dynamics,
    _tree,
    _trees,
    expected_calibration_error,
    fit_next_turn,
    reliability,
)


pytest.importorskip("sklearn")


def test_exported_trees_agree_with_the_library() -> None:
    draw = random.Random(0)
    x = [[draw.randint(0, 1), draw.uniform(0, 9), draw.gauss(0, 1)] for _ in range(400)]
    y = [int(row[1] + row[2] + draw.gauss(0, 1) > 5 - row[0]) for row in x]
    forest = _trees(x, y)
    trees = tuple(
        Tree(t["feature"], t["threshold"], t["right"])
        for t in (_tree(e.tree_) for e in forest.estimators_)
    )
    model = NextTurnModel(trees=trees, slope=1.0, intercept=0.0)
    theirs = forest.predict_proba(x)[:, 1]
    ours = [model.of_row(row) for row in x]
    gaps = [abs(a - b) for a, b in zip(ours, theirs, strict=True)]
    # Thresholds are rounded to four digits, so a row in ten thousand may turn off.
    assert max(gaps) < 0.02
    assert sum(gaps) / len(gaps) < 0.001


def test_reliability_counts_every_case_in_its_tenth() -> None:
    curve = reliability([0.05, 0.07, 0.95, 1.0], [0, 1, 1, 1])
    assert curve == [(2, 0.06, 0.5), (2, 0.975, 1.0)]
    assert expected_calibration_error(curve) == pytest.approx((0.44 + 0.025) / 2)


def test_dynamics_follow_the_turns_in_their_sessions() -> None:
    samples = [
        Sample(
            task="t",
            session="s",
            turn=n,
            row=None,
            hard=n % 2 == 0,
            forced=n == 0,
            output=100.0,
            seconds=4.0,
        )
        for n in range(9)
    ]
    chances = {("s", n): (0.0, 0.3, 0.6, 0.9)[n % 4] for n in range(9)}
    dynamics = _dynamics(samples, chances)
    assert all(sum(row) == pytest.approx(1.0, abs=1e-3) for row in dynamics["next"])
    assert dynamics["next"][2][3] > 0.4
    assert all(a <= b for times in dynamics["times"] for a, b in pairwise(times))


def test_too_few_tasks_are_refused() -> None:
    with pytest.raises(ValueError, match="8 tasks or more are needed"):
        fit_next_turn([])
