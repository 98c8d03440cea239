"""The look ahead knows what leaving and coming back cost."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings, strategies as st

from openhands_tiered_router.policy.economics.dynamics import (
    FORCED,
    OUTLOOKS,
    default_dynamics,
    outlook,
)
from openhands_tiered_router.policy.economics.switching import (
    STRONG,
    WEAK,
    Future,
    Rates,
    future,
)


OPUS = Rates(read=0.5e-6, write=6.25e-6, output=25e-6, lifetime=300.0)
HAIKU = Rates(read=0.1e-6, write=1.25e-6, output=5e-6, lifetime=300.0)


def ahead(pace: float = 6.0, leak_price: float = 0.05, weak: Rates = HAIKU) -> Future:
    return future(
        OPUS,
        weak,
        prompt=20_000.0,
        growth=350.0,
        pace=pace,
        leak_price=leak_price,
        dynamics=default_dynamics(),
    )


@pytest.mark.parametrize(
    ("p", "forced", "seen"),
    [(0.9, True, FORCED), (0.0, False, 1), (0.5, False, 2), (0.8, False, 3)],
)
def test_outlook_by_probability(p: float, forced: bool, seen: int) -> None:
    assert outlook(p, forced) == seen


def test_dynamics_are_probabilities() -> None:
    dynamics = default_dynamics()
    assert all(abs(sum(row) - 1) < 1e-3 for row in dynamics.next)
    assert len(dynamics.next) == len(dynamics.times) == OUTLOOKS
    assert dynamics.hard[1] == 1.0


def test_cold_return_costs_more_the_slower_the_turns() -> None:
    """What a warm strong cache is worth once turns outlive it."""
    worth = []
    for pace in (6.0, 60.0, 180.0):
        solved = ahead(pace)
        cold = solved.after(WEAK, WEAK, 0.0, 4)
        worth.append(cold - solved.after(WEAK, STRONG, 300.0, 4))
    assert worth[0] > worth[1] > worth[2] > -1e-9


@given(
    left=st.floats(0, 300),
    more=st.floats(0, 300),
    seen=st.integers(1, OUTLOOKS - 1),
    pace=st.sampled_from([6.0, 60.0, 180.0]),
)
@settings(deadline=None)
def test_a_cold_cache_is_never_better_than_a_warm_one(
    left: float, more: float, seen: int, pace: float
) -> None:
    solved = ahead(pace)
    debt = HAIKU.write * 350.0
    longer = solved.after(STRONG, STRONG, min(left + more, 300.0), seen)
    assert longer <= solved.after(STRONG, STRONG, left, seen) + debt * 16


@given(price=st.floats(0, 1), more=st.floats(0, 1), seen=st.integers(1, OUTLOOKS - 1))
@settings(deadline=None, max_examples=40)
def test_dearer_leaks_never_make_the_future_cheaper(
    price: float, more: float, seen: int
) -> None:
    cheap, dear = ahead(leak_price=price), ahead(leak_price=price + more)
    for serves in (STRONG, WEAK):
        low = cheap.after(serves, serves, 100.0, seen)
        assert low <= dear.after(serves, serves, 100.0, seen) + 1e-12


@given(scale=st.floats(1, 20), seen=st.integers(1, OUTLOOKS - 1))
@settings(deadline=None, max_examples=40)
def test_dearer_weak_endpoint_never_makes_the_future_cheaper(
    scale: float, seen: int
) -> None:
    dearer = replace(
        HAIKU,
        read=HAIKU.read * scale,
        write=HAIKU.write * scale,
        output=HAIKU.output * scale,
    )
    for serves in (STRONG, WEAK):
        low = ahead().after(serves, serves, 100.0, seen)
        assert low <= ahead(weak=dearer).after(serves, serves, 100.0, seen) + 1e-12
