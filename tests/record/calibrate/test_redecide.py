"""A turn on record is decided by the same policy as it was decided then."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from openhands_tiered_router.policy.decision import Decision
from openhands_tiered_router.policy.engine import Engine
from openhands_tiered_router.policy.entry import Entry, ToolCall
from openhands_tiered_router.policy.exploration import Exploration
from openhands_tiered_router.policy.outcome import Usage
from openhands_tiered_router.policy.policy import Policy
from openhands_tiered_router.policy.request import Purpose, RoutingRequest
from openhands_tiered_router.policy.rules import standard_rules
from openhands_tiered_router.policy.session import SessionState
from openhands_tiered_router.record.calibrate.logs import LoggedTurn
from openhands_tiered_router.record.calibrate.redecide import Redecider
from openhands_tiered_router.record.telemetry.situations import (
    decode_situation,
    encode_situation,
)
from openhands_tiered_router.tiers import Endpoint, Prices, Tier, TierSet


COMMANDS = (
    "grep -rn 'def parse' src | head -20",
    "cat src/parse.py",
    "ls",
    "sed -i 's/a/b/' src/parse.py",
    "python -m pytest -q tests | tail -5",
    "git diff",
    "cat src/other.py",
)
TIERS = TierSet(
    tuple(
        Endpoint(
            key=str(tier),
            tier=tier,
            model=f"example/{tier}",
            cache_id=f"#{tier}",
            prices=Prices(
                input=scale * 1e-6,
                output=scale * 5e-6,
                cache_read=scale * 1e-7,
                cache_write=scale * 1.25e-6,
                cache_write_1h=scale * 2e-6,
            ),
        )
        for tier, scale in zip(Tier, (0.1, 1, 3, 5), strict=True)
    )
)


def session(
    number: int, policy: Policy, pace: float, share: float = 0.25
) -> Iterator[tuple[float, Decision]]:
    """Sixty turns, each with its time."""
    explore = Exploration(share=share, least_mechanical=0.3)
    rules = standard_rules(explore=explore)
    engine = Engine(TIERS, rules, policy)
    state, now = SessionState(), 1e9
    new = [Entry(role="user", text="The parser drops quotes. " * 40)]
    for turn in range(60):
        state = state.fold(new)
        request = RoutingRequest(
            session_id=f"s{number}",
            purpose=Purpose.TURN,
            prompt_tokens=1_600 + 334 * turn,
            needs_tools=True,
        )
        decision = engine.decide(request, state, now=now)
        yield now, decision
        now += pace * (1 + (turn * 7 + number) % 5)
        usage = Usage(prompt=request.prompt_tokens, completion=120)
        served = f"#{decision.tier}"
        state = state.after_call(served, usage, now, decision.tier)
        command = COMMANDS[(turn * 3 + number) % len(COMMANDS)]
        call = ToolCall(str(turn), "terminal", json.dumps({"command": command}))
        result = Entry(
            role="tool",
            text=f"{turn}: some lines\n" * 20,
            call_id=str(turn),
            exit_code=int(turn % 9 == 8),
        )
        new = [Entry(role="assistant", text="Let me look.", calls=(call,)), result]
        now += pace


def logged(number: int, at: float, decision: Decision) -> LoggedTurn:
    assert decision.situation is not None
    stored = encode_situation(decision.situation)
    assert len(stored) < 500
    return LoggedTurn(
        session=f"s{number}",
        time=at,
        tier=decision.tier,
        model=None,
        situation=decode_situation(stored),
        cost=None,
        clean=None,
        verified=None,
    )


@pytest.mark.parametrize("pace", [2.0, 60.0])
@pytest.mark.parametrize("economy", [0.1, 0.5, 0.9])
def test_the_same_policy_wants_what_it_wanted(pace: float, economy: float) -> None:
    policy = Policy(economy=economy)
    again = Redecider(TIERS, policy)
    tiers = set()
    for number in range(3):
        for at, decision in session(number, policy, pace):
            turn = logged(number, at, decision)
            assert again.tier(turn) is turn.base
            assert turn.odds[decision.tier] == pytest.approx(decision.propensity)
            tiers.add(turn.base)
    assert len(tiers) > 1 or economy < 0.5


def test_another_policy_wants_other_tiers() -> None:
    turns = [logged(0, *found) for found in session(0, Policy(), 2.0)]
    frugal, careful = (
        [Redecider(TIERS, Policy(economy=e)).tier(t) for t in turns] for e in (1.0, 0.0)
    )
    assert sum(frugal) < sum(careful)
    floor = Redecider(TIERS, Policy(quality_floor=Tier.COMPLEX))
    assert min(floor.tier(t) for t in turns) is Tier.COMPLEX


def test_pins_floors_and_caps_stay_as_they_were() -> None:
    turn = logged(0, *next(session(0, Policy(), 2.0)))
    again = Redecider(TIERS, Policy())

    def with_(**changes: Tier) -> Tier:
        return again.tier(replace(turn, situation=replace(turn.situation, **changes)))

    assert with_(pin=Tier.MEDIUM) is Tier.MEDIUM
    assert with_(floor=Tier.REASONING) is Tier.REASONING
    assert with_(cap=Tier.SIMPLE) is Tier.SIMPLE
