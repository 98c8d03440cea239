from __future__ import annotations

import pytest

from openhands_tiered_router.loopback.faults import (
    Fault,
    FaultPlan,
    Hang,
    Overloaded,
    ResetConnection,
)


@pytest.fixture
def plan() -> FaultPlan:
    return FaultPlan()


def hits(plan: FaultPlan, models: str) -> list[Fault | None]:
    """What happens to calls to these models, one letter each, in this order."""
    return [
        plan.take(model, i + 1, models[: i + 1].count(model))
        for i, model in enumerate(models)
    ]


def test_an_empty_plan_hits_nothing(plan: FaultPlan) -> None:
    assert hits(plan, "ab") == [None, None]


def test_next_hits_as_often_as_told(plan: FaultPlan) -> None:
    plan.next(Hang(), times=2)
    assert hits(plan, "aba") == [Hang(), Hang(), None]


def test_a_fault_for_one_model_spares_the_others(plan: FaultPlan) -> None:
    plan.next(Hang(), model="b")
    assert hits(plan, "abb") == [None, Hang(), None]


def test_always_hits_until_cleared(plan: FaultPlan) -> None:
    plan.always(Hang(), model="a")
    assert hits(plan, "aab") == [Hang(), Hang(), None]
    plan.clear()
    assert hits(plan, "a") == [None]


def test_at_counts_the_models_own_calls_if_one_is_named(plan: FaultPlan) -> None:
    plan.at(2, Hang(), model="b")
    plan.at(4, Overloaded())
    assert hits(plan, "bababb") == [None, None, Hang(), Overloaded(), None, None]


def test_the_oldest_entry_decides(plan: FaultPlan) -> None:
    plan.next(Hang())
    plan.next(ResetConnection())
    assert hits(plan, "aa") == [Hang(), ResetConnection()]
