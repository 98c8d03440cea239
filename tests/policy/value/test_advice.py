"""Which models are advised."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from openhands_tiered_router.policy.value.advice import (
    Model,
    advise,
    efficient,
    models_of,
)
from openhands_tiered_router.policy.value.strength import Verdicts
from openhands_tiered_router.policy.value.table import Work, default_table
from openhands_tiered_router.policy.value.ways import Odds
from openhands_tiered_router.tiers import Tier


ODDS = Odds(value=5.0, catch=0.8, accept=0.9, sigma=4.0, growth=0.3)
CHEAP = Model("cheap", 0.70, 0.04)
MIDDLE = Model("middle", 0.76, 0.30)
STRONG = Model("strong", 0.95, 1.50)
BEATEN = Model("beaten", 0.69, 0.50)

models = st.lists(
    st.builds(
        Model,
        st.uuids().map(str),
        st.floats(0.05, 0.95),
        st.floats(0.01, 10.0),
    ),
    min_size=1,
    max_size=7,
)


def test_a_model_that_another_beats_in_both_is_not_advised() -> None:
    advice = advise([CHEAP, BEATEN, STRONG], ODDS)
    assert advice is not None
    assert list(advice.seats.values()) == [CHEAP, STRONG]
    assert advice.others == (BEATEN,)


def test_a_verifier_makes_a_cheap_start_worth_it() -> None:
    with_tests = advise([CHEAP, MIDDLE, STRONG], ODDS)
    without = advise([CHEAP, MIDDLE, STRONG], replace(ODDS, catch=0.0, accept=1.0))
    assert with_tests is not None
    assert without is not None
    assert with_tests.best.models[0] is CHEAP
    assert with_tests.best.models[-1] is STRONG
    assert len(without.best.models) == 1


def test_fewer_models_than_tiers_leave_tiers_to_the_next_above() -> None:
    advice = advise([CHEAP, STRONG], ODDS)
    assert advice is not None
    assert advice.seats == {Tier.SIMPLE: CHEAP, Tier.COMPLEX: STRONG}
    alone = advise([STRONG], ODDS)
    assert alone is not None
    assert alone.seats == {Tier.COMPLEX: STRONG}
    assert advise([], ODDS) is None


@given(models)
def test_what_is_efficient_rises_in_cost_and_success(found: list[Model]) -> None:
    kept = efficient(found)
    for before, after in zip(kept, kept[1:], strict=False):
        assert before.usd <= after.usd
        assert before.success < after.success
    for model in found:
        assert any(k.usd <= model.usd and k.success >= model.success for k in kept)


@given(models, st.floats(0.1, 100.0), st.randoms())
def test_advice_does_not_depend_on_the_order(
    found: list[Model], value: float, random
) -> None:
    odds = replace(ODDS, value=value)
    shuffled = random.sample(found, len(found))
    one, other = advise(found, odds), advise(shuffled, odds)
    assert one is not None
    assert other is not None
    assert one.seats == other.seats


@given(models, st.floats(0.1, 100.0), st.floats(1.0, 10.0))
def test_a_higher_value_never_advises_less_success(
    found: list[Model], value: float, factor: float
) -> None:
    low = advise(found, replace(ODDS, value=value), seats=1)
    high = advise(found, replace(ODDS, value=value * factor), seats=1)
    assert low is not None
    assert high is not None
    # Sets are told apart by tenths of a cent.
    assert high.best.success >= low.best.success - 0.001 / value - 1e-9


@given(models, st.floats(0.1, 100.0))
def test_no_single_model_is_worth_more_than_the_way(
    found: list[Model], value: float
) -> None:
    advice = advise(found, replace(ODDS, value=value))
    assert advice is not None
    best = max(plan.worth(value) for plan in advice.singles)
    assert advice.best.worth(value) >= best - 0.001


def test_models_without_figures_for_the_work_are_left_out() -> None:
    table = default_table()
    found = models_of(table, Work.RESEARCH, ["claude-opus-4-8", "GPT-5.5"])
    assert {m.name for m in found} == {"claude-opus-4-8", "GPT-5.5"}
    assert found[0].usd == table.usd(found[0].name, Work.RESEARCH)


@pytest.mark.parametrize("work", list(Work))
def test_there_is_advice_for_each_kind_of_work(work: Work) -> None:
    advice = advise(models_of(default_table(), work), ODDS)
    assert advice is not None
    assert len(advice.seats) >= 2
    rates = [m.success for m in advice.seats.values()]
    assert rates == sorted(rates)


def test_the_users_verdicts_move_a_model() -> None:
    table = default_table()
    names = ["claude-opus-4-8"]
    (before,) = models_of(table, Work.BUGS, names)
    verdicts = {
        "anthropic/claude-opus-4-8": Verdicts(1, 4),
        "bedrock/us.anthropic.claude-opus-4-8": Verdicts(0, 5),
        "example/none": Verdicts(0, 99),
    }
    (after,) = models_of(table, Work.BUGS, names, verdicts)
    assert after.success == pytest.approx((12 * before.success + 1) / 22)
    assert after.usd == before.usd
