"""The offline optimum is the least of all, and costs are the scorer's."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings, strategies as st

from openhands_tiered_router.policy.decision import Decision
from openhands_tiered_router.policy.entry import Entry
from openhands_tiered_router.policy.kinds import ActionKind
from openhands_tiered_router.policy.outcome import Usage
from openhands_tiered_router.record.replay.costs import (
    UnknownPriceError,
    optimum,
    session_cost,
)
from openhands_tiered_router.record.replay.run import ReplayedTurn
from openhands_tiered_router.record.replay.sessions import RecordedTurn
from openhands_tiered_router.tiers import Endpoint, Prices, Tier


def endpoint(tier: Tier, scale: float) -> Endpoint:
    prices = Prices(
        input=scale, output=5 * scale, cache_read=0.1 * scale, cache_write=1.25 * scale
    )
    return Endpoint(
        key=str(tier), tier=tier, model="m", cache_id=str(tier), prices=prices
    )


STRONG, WEAK = endpoint(Tier.COMPLEX, 5e-6), endpoint(Tier.SIMPLE, 1e-6)
DECISION = Decision(tier=Tier.COMPLEX, endpoint="complex", required=Tier.COMPLEX)


def turns(shape: list[tuple[bool, float]]) -> list[ReplayedTurn]:
    made: list[ReplayedTurn] = []
    now = 0.0
    for number, (hard, seconds) in enumerate(shape):
        usage = Usage(prompt=1_000 + 300 * number, completion=50)
        recorded = RecordedTurn(
            before=(),
            answer=Entry(role="assistant"),
            usage=usage,
            start=now,
            end=now + seconds,
        )
        made.append(
            ReplayedTurn(
                turn=recorded,
                decision=DECISION,
                served=STRONG,
                kind=ActionKind.READ,
                failed=False,
                hard=hard,
                ms=0.0,
                start=now,
                end=now + seconds,
            )
        )
        now += seconds
    return made


def test_prefix_is_read_within_its_lifetime_and_written_beyond() -> None:
    session = turns([(True, 1.0), (False, 400.0), (True, 1.0)])
    costs = session_cost(session, [STRONG, WEAK, STRONG])
    price = STRONG.prices
    assert price is not None
    cold = 1_600 * price.cache_write + 50 * price.output
    assert costs[2] == pytest.approx(cold)
    quick = session_cost(turns([(True, 1.0), (True, 1.0)]), [STRONG, STRONG])
    warm = 1_000 * price.cache_read + 300 * price.cache_write + 50 * price.output
    assert quick[1] == pytest.approx(warm)


@given(
    st.lists(
        st.tuples(st.booleans(), st.sampled_from([1.0, 120.0, 290.0, 400.0])),
        min_size=1,
        max_size=8,
    )
)
@settings(deadline=None, max_examples=60)
def test_optimum_is_the_least_of_all_sequences(
    shape: list[tuple[bool, float]],
) -> None:
    session = turns(shape)
    choices = [(STRONG,) if hard else (STRONG, WEAK) for hard, _ in shape]
    least = min(
        sum(session_cost(session, served)) for served in itertools.product(*choices)
    )
    assert optimum(session, STRONG, WEAK) == pytest.approx(least)


def test_unknown_price_is_said_and_not_taken_as_nothing() -> None:
    unknown = Endpoint(key="simple", tier=Tier.SIMPLE, model="mine")
    with pytest.raises(UnknownPriceError, match="simple: no price is known for 'mine'"):
        session_cost(turns([(True, 1.0)]), [unknown])
