"""Ways and beliefs: sums that can be checked by hand, and what must hold of any."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from openhands_tiered_router.policy.value.start import PRIOR, belief_after, chance
from openhands_tiered_router.policy.value.ways import (
    Belief,
    Odds,
    Runner,
    best_way,
    curve,
    expected,
)
from openhands_tiered_router.tiers import Tier


RATES = st.lists(st.floats(0.01, 0.99), min_size=4, max_size=4).map(sorted)
COSTS = st.lists(st.floats(0.001, 5.0), min_size=4, max_size=4).map(sorted)
VERIFIERS = st.tuples(st.floats(0.0, 1.0), st.floats(0.5, 1.0))
SIGMAS = st.sampled_from([0.0, 1.75, 4.25])


def odds(value: float = 5.0, **changes: float) -> Odds:
    fields = {"catch": 0.8, "accept": 0.9, "sigma": 4.25, "growth": 0.28, **changes}
    return Odds(value=value, **fields)


def runners(rates: list[float], costs: list[float]) -> tuple[Runner, ...]:
    return tuple(map(Runner, Tier, rates, costs))


FRONTIER = runners([0.744, 0.751, 0.848, 0.958], [0.039, 0.151, 0.716, 1.451])


@pytest.mark.parametrize("rate", [0.02, 0.35, 0.5, 0.96])
@pytest.mark.parametrize("sigma", [0.0, 1.75, 4.25])
def test_a_curve_has_the_rate_that_it_was_made_for(rate: float, sigma: float) -> None:
    assert chance(rate, PRIOR, sigma) == pytest.approx(rate, abs=1e-4)
    solved = curve(rate, sigma)
    assert list(solved) == sorted(solved, reverse=True)


def test_without_shared_difficulty_tries_are_independent() -> None:
    """Checked by hand: two tries, a verifier that is always right."""
    pair = runners([0.5, 0.6], [0.1, 1.0])
    way = expected(pair, odds(catch=1.0, accept=1.0, sigma=0.0, growth=0.0), PRIOR)
    assert way.success == pytest.approx(0.5 + 0.5 * 0.6, abs=1e-4)
    assert way.usd == pytest.approx(0.1 + 0.5 * 1.0, abs=1e-4)


def test_what_one_model_failed_is_harder_for_another() -> None:
    believed = belief_after(PRIOR, (0.744,), None, odds(catch=1.0, accept=1.0))
    assert chance(0.848, believed, 4.25) < 0.6
    assert chance(0.958, believed, 4.25) > chance(0.848, believed, 4.25)


def test_the_ways_of_four_models_rise_with_the_value() -> None:
    ways = {v: best_way(FRONTIER, odds(v), PRIOR) for v in (1.0, 5.0, 20.0)}
    assert ways[1.0].tiers[0] is Tier.SIMPLE
    assert ways[5.0].tiers == (Tier.SIMPLE, Tier.MEDIUM, Tier.REASONING)
    assert ways[20.0].tiers[-1] is Tier.REASONING
    assert ways[1.0].success < ways[5.0].success <= ways[20.0].success


def test_without_a_verifier_one_model_is_tried() -> None:
    way = best_way(FRONTIER, odds(5.0, catch=0.0, accept=1.0), PRIOR)
    assert len(way.tiers) == 1


def test_a_limit_of_money_is_kept() -> None:
    dear = best_way(FRONTIER, odds(20.0), PRIOR)
    cheap = best_way(FRONTIER, odds(20.0), PRIOR, dear.usd / 2)
    assert cheap.usd <= dear.usd / 2
    assert best_way(FRONTIER, odds(20.0), PRIOR, 0.0).tiers == (Tier.SIMPLE,)


@given(RATES, COSTS, VERIFIERS, SIGMAS, st.floats(0.1, 40), st.floats(1.0, 4.0))
@settings(max_examples=60, deadline=None)
def test_a_higher_value_never_chooses_less_success(
    rates: list[float],
    costs: list[float],
    verifier: tuple[float, float],
    sigma: float,
    value: float,
    more: float,
) -> None:
    tried = runners(rates, costs)
    catch, accept = verifier
    low, high = (
        best_way(tried, odds(v, catch=catch, accept=accept, sigma=sigma), PRIOR)
        for v in (value, value * more)
    )
    assert high.success >= low.success - 1e-9


@given(RATES, COSTS, VERIFIERS, SIGMAS)
@settings(max_examples=60, deadline=None)
def test_no_way_does_better_than_the_best_or_costs_more_than_all(
    rates: list[float],
    costs: list[float],
    verifier: tuple[float, float],
    sigma: float,
) -> None:
    tried = runners(rates, costs)
    stakes = odds(5.0, catch=verifier[0], accept=verifier[1], sigma=sigma)
    way = best_way(tried, stakes, PRIOR)
    assert 0.0 <= way.success <= 1.0
    assert way.worth(5.0) >= max(
        expected((r,), stakes, PRIOR).worth(5.0) for r in tried
    )
    assert way.usd <= sum(costs) * 1.001


@given(st.floats(0.05, 0.95), st.floats(0.1, 1.0), st.floats(0.5, 1.0))
@settings(deadline=None)
def test_a_rejection_by_a_useful_verifier_lowers_every_chance(
    rate: float, catch: float, accept: float
) -> None:
    if catch <= 1 - accept:  # rejects right work at least as often as wrong work
        return
    believed = PRIOR.rejected(curve(rate, 4.25), catch, accept)
    for other in (0.2, 0.6, 0.9):
        assert chance(other, believed, 4.25) <= chance(other, PRIOR, 4.25) + 1e-9
    assert sum(believed.weights) == pytest.approx(1.0)


def test_evidence_that_cannot_be_is_no_evidence() -> None:
    assert PRIOR.after([0.0] * len(PRIOR.weights)) == PRIOR
    assert Belief.prior(1.0).mean([1.0] * len(PRIOR.weights)) == pytest.approx(1.0)
