"""Ways of trying tasks whose outcomes are known."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from openhands_tiered_router.record.calibrate.samples import Outcome, Task
from openhands_tiered_router.record.replay.outcomes import (
    CONFIGURED,
    HINDSIGHT,
    Comparison,
    Judge,
    OutcomeError,
    Scored,
    compare,
)
from openhands_tiered_router.tiers import Endpoint, Tier, TierSet


TIERS = TierSet(
    (
        Endpoint(key="simple", tier=Tier.SIMPLE, model="x/weak-model"),
        Endpoint(key="complex", tier=Tier.COMPLEX, model="y/Strong.Model"),
    )
)


def task(weak: bool, strong: bool, number: int = 0) -> Task:
    return Task(
        f"t{number}",
        "swe-bench",
        {
            "weak-model": Outcome(weak, 0.1),
            "strong-model": Outcome(strong, 1.0),
            "another": Outcome(True, None),
        },
    )


def by_name(found: Comparison) -> dict[str, Scored]:
    return {row.name: row for row in found.rows}


def always(*tiers: Tier):
    return lambda _: tiers


def test_wrong_work_that_is_caught_goes_to_the_next_tier() -> None:
    judge = Judge(value=5.0, catch=0.8, accept=0.9)
    found = compare([task(False, True)], TIERS, always(Tier.SIMPLE), judge)
    rows = by_name(found)
    both = rows["simple complex"]
    assert both.success == pytest.approx(0.8)
    assert both.usd == pytest.approx(0.1 + 0.8 * 1.0)
    assert rows["complex"].success == 1.0
    assert rows[CONFIGURED].worth == pytest.approx(-0.1)
    assert rows[HINDSIGHT].worth == pytest.approx(4.0)


def test_right_work_that_is_rejected_is_paid_for_twice() -> None:
    judge = Judge(value=5.0, catch=0.8, accept=0.9)
    found = compare([task(True, False)], TIERS, always(Tier.SIMPLE), judge)
    both = by_name(found)["simple complex"]
    assert both.success == pytest.approx(0.9)
    assert both.usd == pytest.approx(0.1 + 0.1 * 1.0)


def test_without_a_verifier_the_first_tiers_work_is_delivered() -> None:
    judge = Judge(value=5.0, catch=0.0, accept=1.0)
    decide = always(Tier.SIMPLE, Tier.COMPLEX)
    found = compare([task(False, True)], TIERS, decide, judge)
    rows = by_name(found)
    assert set(rows) == {CONFIGURED, "simple", "complex", HINDSIGHT}
    assert found.chosen == {"simple": 1}
    assert rows[CONFIGURED].success == 0.0
    assert rows[CONFIGURED].usd == pytest.approx(0.1)


def test_a_tier_without_a_model_is_served_by_the_next_stronger_one() -> None:
    judge = Judge(value=5.0, catch=0.8, accept=0.9)
    decide = always(Tier.SIMPLE, Tier.MEDIUM, Tier.COMPLEX, Tier.REASONING)
    found = compare([task(False, True)], TIERS, decide, judge)
    assert found.chosen == {"simple complex": 1}


def test_tasks_without_an_outcome_of_each_tier_are_left_out() -> None:
    judge = Judge(value=5.0, catch=0.8, accept=0.9)
    partial = Task("p", "swe-bench", {"weak-model": Outcome(True, 0.1)})
    found = compare([task(True, True), partial], TIERS, always(Tier.SIMPLE), judge)
    assert (found.tasks, found.skipped) == (1, 1)
    with pytest.raises(OutcomeError, match=r"complex \(y/Strong.Model\)"):
        compare([partial], TIERS, always(Tier.SIMPLE), judge)


@given(
    st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=8),
    st.floats(0, 1),
    st.floats(0, 1),
    st.floats(0, 50),
)
def test_nothing_is_worth_more_than_hindsight(
    solved: list[tuple[bool, bool]], catch: float, accept: float, value: float
) -> None:
    tasks = [task(weak, strong, i) for i, (weak, strong) in enumerate(solved)]
    decide = always(Tier.SIMPLE, Tier.COMPLEX)
    found = compare(tasks, TIERS, decide, Judge(value, catch, accept))
    own, *fixed, best = found.rows
    assert [row.worth for row in fixed] == sorted(
        (r.worth for r in fixed), reverse=True
    )
    for row in (own, *fixed):
        assert row.worth <= best.worth + 1e-9
        assert row.low <= row.worth + 1e-9
        assert row.worth <= row.high + 1e-9
        assert row.worth == pytest.approx(value * row.success - row.usd)
