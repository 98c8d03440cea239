"""The weaker endpoint wins where its whole expected cost is less."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings, strategies as st

from openhands_tiered_router.policy.economics.choice import Comparison, compare
from openhands_tiered_router.policy.entry import Entry
from openhands_tiered_router.policy.outcome import Usage
from openhands_tiered_router.policy.policy import Policy
from openhands_tiered_router.policy.session import SessionState
from openhands_tiered_router.tiers import Endpoint, Prices, Tier


def endpoint(tier: Tier, scale: float) -> Endpoint:
    prices = Prices(
        input=scale, output=5 * scale, cache_read=0.1 * scale, cache_write=1.25 * scale
    )
    return Endpoint(
        key=str(tier), tier=tier, model="m", cache_id=str(tier), prices=prices
    )


STRONG = endpoint(Tier.COMPLEX, 5e-6)
WARM = st.lists(
    st.tuples(st.sampled_from(["simple", "complex"]), st.floats(1, 600)), max_size=8
)
P = st.floats(0, 1)


def session(calls: list[tuple[str, float]]) -> SessionState:
    state, now = SessionState(), 0.0
    for n, (cache, seconds) in enumerate(calls):
        now += seconds
        state = state.after_call(cache, Usage(prompt=9_000 + 400 * n), now)
        state = state.fold([Entry(role="assistant", text="x")])
    return state


def weighed(
    calls: list[tuple[str, float]],
    p: float,
    scale: float = 1e-6,
    policy: Policy | None = None,
) -> Comparison:
    state = session(calls)
    compared = compare(
        state,
        policy or Policy(),
        STRONG,
        endpoint(Tier.SIMPLE, scale),
        prompt=12_500,
        p_mechanical=p,
        now=(state.pace.answered_at or 0.0) + 1.0,
    )
    assert compared is not None
    return compared


@given(calls=WARM, low=P, high=P)
@settings(deadline=None, max_examples=200)
def test_a_likelier_mechanical_turn_never_goes_up(
    calls: list[tuple[str, float]], low: float, high: float
) -> None:
    low, high = sorted((low, high))
    if weighed(calls, low).weak_wins:
        assert weighed(calls, high).weak_wins


def test_cold_return_is_on_the_receipt() -> None:
    quick = weighed([("simple", 5.0), ("complex", 5.0)] * 4, 0.9)
    slow = weighed([("simple", 200.0), ("complex", 200.0)] * 4, 0.9)
    assert quick.weak.later < slow.weak.later


def test_what_is_warm_is_read_and_what_is_not_is_written() -> None:
    warm = weighed([("simple", 5.0), ("complex", 5.0)], 0.5)
    cold = weighed([("complex", 5.0)], 0.5)
    assert warm.weak.warm == 9_000
    assert cold.weak.warm == 0
    assert warm.weak.now < cold.weak.now


def test_unknown_price_cannot_be_weighed() -> None:
    unknown = replace(STRONG, prices=None)
    assert (
        compare(
            SessionState(),
            Policy(),
            STRONG,
            unknown,
            prompt=100,
            p_mechanical=0.5,
            now=0.0,
        )
        is None
    )


@given(calls=WARM, p=P)
@settings(deadline=None, max_examples=50)
def test_free_endpoint_is_never_dearer_now(
    calls: list[tuple[str, float]], p: float
) -> None:
    assert weighed(calls, p, scale=0.0).weak.now == 0.0
