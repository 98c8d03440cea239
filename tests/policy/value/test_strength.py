"""How strong models are taken to be."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from openhands_tiered_router.policy.value.strength import (
    PRIOR_TASKS,
    Strength,
    Verdicts,
    strengths_of,
)
from openhands_tiered_router.policy.value.table import Work, default_table
from openhands_tiered_router.tiers import Endpoint, Tier


def endpoint(
    model: str,
    tier: Tier = Tier.SIMPLE,
    success: float | None = None,
    usd: float | None = None,
    verdicts: tuple[int, int] = (0, 0),
) -> Endpoint:
    return Endpoint(
        key=str(tier),
        tier=tier,
        model=model,
        success=success,
        task_usd=usd,
        verdicts=verdicts,
    )


def test_the_users_figures_are_taken_as_they_are() -> None:
    known = endpoint("anthropic/claude-opus-4-8", success=0.6, usd=0.2)
    assert strengths_of([known]) == {"simple": Strength(0.6, 0.2, "configuration")}


def test_of_models_that_nobody_knows_nothing_is_said() -> None:
    assert strengths_of([endpoint("example/none")]) == {}


def test_the_table_speaks_for_each_kind_of_work() -> None:
    opus = [endpoint("anthropic/claude-opus-4-8")]
    table = default_table()
    for work in Work:
        found = strengths_of(opus, work)["simple"]
        assert found.success == table.success("claude-opus-4-8", work)
        assert found.task_usd == table.usd("claude-opus-4-8", work)
        assert found.known


def test_a_new_version_is_no_better_than_the_one_before_it() -> None:
    new = endpoint("anthropic/claude-opus-5-5", Tier.COMPLEX)
    weak = endpoint("x/a", Tier.MEDIUM, success=0.1)
    found = strengths_of([weak, new])["complex"]
    assert found.success == default_table().success("claude-opus-4-8", Work.BUGS)
    assert found.task_usd is None
    assert not found.known
    assert found.source == "bounded by claude-opus-4-8, a version before it"


def test_an_unknown_model_is_no_better_than_the_tiers_below_it() -> None:
    below = endpoint("x/a", Tier.MEDIUM, success=0.5)
    above = endpoint("x/b", Tier.REASONING, success=0.8)
    unknown = endpoint("x/c", Tier.COMPLEX)
    found = strengths_of([below, unknown, above])
    assert found["complex"].success == 0.5
    assert not found["complex"].known
    assert found["medium"].known


def test_an_unknown_model_below_all_others_is_not_chosen_on_hope() -> None:
    found = strengths_of([endpoint("x/a"), endpoint("x/b", Tier.COMPLEX, success=0.8)])
    assert found["simple"].success == 0.4


def test_verdicts_move_a_published_rate_by_the_weight_of_its_prior() -> None:
    model = "anthropic/claude-opus-4-8"
    before = strengths_of([endpoint(model)])["simple"].success
    found = strengths_of([endpoint(model, verdicts=(2, 10))])
    expected = (PRIOR_TASKS * before + 2) / (PRIOR_TASKS + 12)
    assert found["simple"].success == pytest.approx(expected)
    assert "2 of 12 verdicts" in found["simple"].source


def test_verdicts_leave_the_users_own_figure_alone() -> None:
    found = strengths_of([endpoint("x/a", success=0.9, verdicts=(0, 50))])
    assert found["simple"].success == 0.9


@given(
    st.floats(0, 1), st.integers(0, 1000), st.integers(0, 1000), st.integers(0, 1000)
)
def test_a_solved_task_never_lowers_a_strength(
    rate: float, solved: int, failed: int, more: int
) -> None:
    start = Strength(rate, None, "a test")
    one = start.after(Verdicts(solved, failed)).success
    other = start.after(Verdicts(solved + more, failed)).success
    assert 0 <= one <= other + 1e-12 <= 1 + 1e-9
