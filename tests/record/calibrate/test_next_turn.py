"""Trees say the same here as where they were fitted; figures are what they say."""

from __future__ import annotations

import random

import pytest

from openhands_tiered_router.policy.difficulty.next_turn import (
    Calibration,
    NextTurnModel,
    Tree,
)
from openhands_tiered_router.policy.difficulty.next_turn_features import NAMES
from openhands_tiered_router.policy.economics.dynamics import OUTLOOKS
from openhands_tiered_router.record.calibrate.agents import (
    Predicted,
    agent_figures,
    agent_weights,
    auc,
    expected_calibration_error,
    families,
    reliability,
)
from openhands_tiered_router.record.calibrate.next_turn import (
    _dynamics,
    fit_next_turn,
)
from openhands_tiered_router.record.calibrate.trees import (
    Sample,
    TurnData,
    exported,
    fitted_trees,
)


pytest.importorskip("sklearn")


def test_exported_trees_agree_with_the_library() -> None:
    draw = random.Random(0)
    x = [[draw.randint(0, 1), draw.uniform(0, 9), draw.gauss(0, 1)] for _ in range(400)]
    y = [int(row[1] + row[2] + draw.gauss(0, 1) > 5 - row[0]) for row in x]
    forest = fitted_trees(x, y)
    trees = tuple(
        Tree(t["feature"], t["threshold"], t["right"])
        for t in (exported(e.tree_) for e in forest.estimators_)
    )
    model = NextTurnModel(trees=trees, known=Calibration(1.0, 0.0, 0.0))
    theirs = forest.predict_proba(x)[:, 1]
    ours = [model.mean([*row, *[0.5] * (len(NAMES) - 3)]) for row in x]
    gaps = [abs(a - b) for a, b in zip(ours, theirs, strict=True)]
    # Thresholds are rounded to four digits, so a row in ten thousand may turn off.
    assert max(gaps) < 0.02
    assert sum(gaps) / len(gaps) < 0.001


def test_reliability_counts_every_case_in_its_tenth() -> None:
    curve = reliability([0.05, 0.07, 0.95, 1.0], [False, True, True, True])
    assert curve == [(2, 0.06, 0.5), (2, 0.975, 1.0)]
    assert expected_calibration_error(curve) == pytest.approx((0.44 + 0.025) / 2)


def test_dynamics_follow_the_turns_in_their_sessions() -> None:
    samples = [
        Sample(
            agent="a",
            task="t",
            session="s",
            turn=n,
            row=None,
            tools=frozenset(),
            hard=n % 2 == 0,
            forced=n == 0,
            output=100.0,
        )
        for n in range(9)
    ]
    chances = {("s", n): (0.0, 0.3, 0.6, 0.9)[n % 4] for n in range(9)}
    dynamics = _dynamics(samples, chances)
    assert sum(dynamics["shares"]) == pytest.approx(1.0, abs=1e-3)
    forced, _, rather_hard, *_ = dynamics["shares"]
    assert rather_hard > forced > 0.0
    assert dynamics["hard"][0] == 1.0
    assert dynamics["output"] == [100.0] * OUTLOOKS


def test_too_few_tasks_are_refused() -> None:
    with pytest.raises(ValueError, match="8 tasks or more are needed"):
        fit_next_turn({})


def turns_of(agent: str, *found: tuple[float, bool]) -> list[Predicted]:
    return [
        Predicted(agent=agent, task=str(n % 3), probability=p, true=true, known=True)
        for n, (p, true) in enumerate(found)
    ]


def test_every_agent_weighs_the_same() -> None:
    weights = agent_weights(["a"] * 30 + ["b"] * 10)
    assert sum(weights[:30]) == pytest.approx(sum(weights[30:])) == pytest.approx(20.0)


def test_versions_of_an_agent_are_left_out_together() -> None:
    names = families({"openhands_v0", "openhands_v1", "trae", "v1"})
    assert names["openhands_v0"] == names["openhands_v1"] == "openhands"
    assert names["trae"] == "trae"
    assert names["v1"] == "v1"


def test_auc_is_the_share_of_pairs_in_order_ties_counting_half() -> None:
    assert auc(turns_of("a", (0.1, False), (0.9, True))) == 1.0
    assert auc(turns_of("a", (0.5, False), (0.5, True))) == 0.5
    assert auc(turns_of("a", (0.9, False), (0.1, True), (0.95, True))) == 0.5
    assert auc(turns_of("a", (0.5, True))) is None


def test_figures_come_by_agent_with_their_intervals() -> None:
    draw = random.Random(0)
    good = [(p, draw.random() < p) for p in (draw.random() for _ in range(200))]
    blind = [(draw.random(), draw.random() < 0.5) for _ in range(200)]
    figures = agent_figures([*turns_of("good", *good), *turns_of("blind", *blind)])
    for agent, low, high in (("good", 0.75, 0.95), ("blind", 0.4, 0.6)):
        value, bottom, top = figures[agent]["auc"]
        assert low < value < high
        assert bottom <= value <= top
    assert figures["good"]["ece"][0] < figures["blind"]["ece"][0]


def turn(agent: str, n: int, tools: str, draw: random.Random) -> Sample:
    """A turn of an agent that goes on as it did, whatever else the row says."""
    often = agent in ("a", "c")
    row = [draw.random() for _ in NAMES]
    row[NAMES.index("kind_rate")] = 0.9 if often else 0.1
    row[NAMES.index("kind_seen")] = 20.0
    return Sample(
        agent=agent,
        task=f"{agent}{n % 4}",
        session=f"{agent}{n % 4}",
        turn=n,
        row=row,
        tools=frozenset(tools.split()),
        hard=draw.random() > (0.8 if often else 0.2),
        forced=False,
        output=1.0,
    )


@pytest.mark.slow
def test_an_agent_left_out_is_believed_by_its_own_habits() -> None:
    draw = random.Random(0)
    agents = {"a": "x", "b": "y", "c": "z", "d": "z w"}
    turns = [turn(a, n, t, draw) for a, t in agents.items() for n in range(80)]
    data = TurnData.of(turns)
    pooled, apart = data.held_out(data.folds()), data.held_out(data.families())
    rows = range(len(turns))
    assert data.calibration(apart, rows).habit > 0.1
    # ``c`` uses none but a tool of ``d``: taken for it, as it will be when it runs.
    alone = data.left_out(pooled, apart)
    of_c = [i for i, s in enumerate(turns) if s.agent == "c"]
    of_a = [i for i, s in enumerate(turns) if s.agent == "a"]
    fitted = data.calibration(pooled, data.rest(of_c))
    assert alone[of_c] == pytest.approx(data.probabilities(apart, of_c, fitted))
    fitted = data.calibration(apart, data.rest(of_a))
    assert alone[of_a] == pytest.approx(data.probabilities(apart, of_a, fitted))
