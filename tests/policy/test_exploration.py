"""Trying another tier: when, how often, and with what odds on record."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from openhands_tiered_router.policy.decision import Decision
from openhands_tiered_router.policy.engine import Draft, Engine
from openhands_tiered_router.policy.exploration import Exploration, Explore
from openhands_tiered_router.policy.fleet import AllHealthy, FleetView, Health
from openhands_tiered_router.policy.request import Purpose, RoutingRequest
from openhands_tiered_router.policy.rules import caps, choose, floors, pins
from openhands_tiered_router.policy.session import SessionState, Turn
from openhands_tiered_router.tiers import Endpoint, Tier, TierSet


ALL = tuple(Tier)
SEEN = SessionState(recent=(Turn(actions=()),), turns=1, since_user=1)


def decide(
    session: SessionState = SEEN,
    *,
    tiers: tuple[Tier, ...] = ALL,
    need: Tier = Tier.MEDIUM,
    p: float | None = 0.9,
    settings: Exploration | None = None,
    guarded: bool = False,
    fleet: FleetView | None = None,
    **request: object,
) -> Decision:
    def judged(draft: Draft) -> Draft:
        return replace(draft, need=need, p_mechanical=p, guarded=guarded)

    settings = settings or Exploration(share=0.5)
    rules = (judged, floors, caps, pins, choose, Explore(settings))
    endpoints = [
        Endpoint(key=str(t), tier=t, model="m", cache_id=str(t)) for t in tiers
    ]
    fields = {"session_id": "s", "purpose": Purpose.TURN, "prompt_tokens": 1, **request}
    asked = RoutingRequest(**fields)  # pyright: ignore[reportArgumentType]
    return Engine(TierSet(tuple(endpoints)), rules).decide(
        asked, session, now=0.0, fleet=fleet
    )


def at(turn: int) -> SessionState:
    return replace(SEEN, turns=turn)


def test_it_is_off_by_default() -> None:
    decision = decide(settings=Exploration())
    assert (decision.tier, decision.propensity) == (Tier.MEDIUM, 1.0)
    assert decision.situation is None


def test_neighbours_are_tried_as_often_as_the_odds_say() -> None:
    decisions = [decide(at(i), settings=Exploration(share=0.2)) for i in range(4_000)]
    tried = {t: sum(d.tier is t for d in decisions) / 4_000 for t in Tier}
    assert tried[Tier.MEDIUM] == pytest.approx(0.8, abs=0.02)
    assert tried[Tier.SIMPLE] == pytest.approx(0.1, abs=0.015)
    assert tried[Tier.COMPLEX] == pytest.approx(0.1, abs=0.015)
    assert tried[Tier.REASONING] == 0
    odds = {Tier.SIMPLE: 0.1, Tier.MEDIUM: 0.8, Tier.COMPLEX: 0.1}
    for decision in decisions:
        assert decision.propensity == pytest.approx(odds[decision.tier])
        assert decision.endpoint == str(decision.tier)
        assert decision.situation is not None
        assert dict(decision.situation.arms) == pytest.approx(odds)


def test_a_rebuilt_session_is_decided_alike_and_another_seed_is_not() -> None:
    def tiers(seed: int) -> list[Tier]:
        settings = Exploration(share=0.5, seed=seed)
        return [decide(at(i), settings=settings).tier for i in range(50)]

    assert tiers(0) == tiers(0)
    assert tiers(0) != tiers(1)


@given(
    st.integers(0, 10_000),
    st.sampled_from([None, *Tier]),
    st.sampled_from([None, *Tier]),
    st.sampled_from([None, *Tier]),
    st.sampled_from(Tier),
    st.sets(st.sampled_from(Tier), min_size=1),
)
def test_never_above_a_cap_below_a_floor_or_against_a_pin(
    turn: int,
    cap: Tier | None,
    floor: Tier | None,
    pin: Tier | None,
    need: Tier,
    tiers: set[Tier],
) -> None:
    given_ = {"need": need, "tiers": tuple(tiers), "cap": cap, "floor": floor}
    plain = decide(at(turn), settings=Exploration(), pin=pin, **given_)
    tried = decide(
        at(turn), settings=Exploration.model_construct(share=1.0), pin=pin, **given_
    )
    if pin is not None:
        assert tried.tier is plain.tier
    if tried.tier is not plain.tier:
        assert cap is None or tried.tier <= cap
        assert floor is None or tried.tier >= floor
        assert tried.tier in tiers
        assert 0.0 < tried.propensity <= 1.0
    assert tried.situation is not None
    assert sum(p for _, p in tried.situation.arms) == pytest.approx(1.0)


@pytest.mark.parametrize(
    "case",
    [
        {"p": None},
        {"p": 0.3},
        {"guarded": True},
        {"session": replace(SEEN, since_user=0)},
        {"purpose": Purpose.SIDE},
        {"session_id": None},
    ],
    ids=str,
)
def test_hard_risky_and_other_calls_are_left_alone(case: dict) -> None:
    decision = decide(settings=Exploration.model_construct(share=1.0), **case)
    assert (decision.tier, decision.propensity) == (Tier.MEDIUM, 1.0)


def test_what_failed_a_verification_is_left_alone() -> None:
    rejected = replace(SEEN, verification=1)
    decision = decide(
        rejected, need=Tier.REASONING, settings=Exploration.model_construct(share=1.0)
    )
    assert (decision.tier, decision.propensity) == (Tier.REASONING, 1.0)


class Unwell(AllHealthy):
    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint

    def health(self, endpoint: str, now: float) -> Health:
        return Health.SUSPECT if endpoint == self.endpoint else Health.HEALTHY


def test_an_endpoint_that_is_not_well_is_no_trial() -> None:
    for i in range(50):
        settings = Exploration.model_construct(share=1.0)
        tried = decide(at(i), fleet=Unwell("simple"), settings=settings)
        assert tried.tier is Tier.COMPLEX
        kept = decide(at(i), fleet=Unwell("medium"), settings=settings)
        assert kept.tier is Tier.MEDIUM
