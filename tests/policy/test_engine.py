"""Decisions hold what they promise, whatever came before."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings, strategies as st

from openhands_tiered_router.policy.decision import Decision
from openhands_tiered_router.policy.engine import Engine
from openhands_tiered_router.policy.entry import Entry, ToolCall
from openhands_tiered_router.policy.outcome import Usage
from openhands_tiered_router.policy.policy import Policy
from openhands_tiered_router.policy.request import Purpose, RoutingRequest
from openhands_tiered_router.policy.rules import RULES, standard_rules
from openhands_tiered_router.policy.session import SessionState
from openhands_tiered_router.policy.value.rule import MECHANICAL
from openhands_tiered_router.tiers import Endpoint, Prices, Tier, TierSet


COMMANDS = (
    "grep -rn foo src",
    "cat src/a.py",
    "ls -la",
    "git diff",
    "pip install x",
    "python run.py",
    "cat <<'EOF' > /tmp/t.py\nimport a\nEOF",
    "sed -i 's/a/b/' src/a.py",
    "python -m pytest -q",
    "python -c 'print(1)'",
)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(COMMANDS),
        st.sampled_from(["", "ok", "Traceback (most recent call last)\nError: x"]),
        st.sampled_from([0, 0, 0, 1]),
        st.floats(1, 900),
        st.sampled_from(list(Tier)),
    ),
    max_size=12,
)
TIERS = st.none() | st.sampled_from(list(Tier))


def prices(scale: float) -> Prices:
    return Prices(
        input=1e-6 * scale,
        output=5e-6 * scale,
        cache_read=1e-7 * scale,
        cache_write=1.25e-6 * scale,
    )


def tier_set(scales: Sequence[float] = (0.2, 1, 3, 5)) -> TierSet:
    return TierSet(
        tuple(
            Endpoint(
                key=str(tier),
                tier=tier,
                model=f"example/{tier}",
                cache_id=str(tier),
                prices=prices(scale),
            )
            for tier, scale in zip(Tier, scales, strict=True)
        )
    )


def walked(steps: Sequence[tuple[str, str, int, float, Tier]]) -> SessionState:
    """The state after a request and those turns."""
    state = SessionState().fold([Entry(role="user", text="Fix the bug in src/a.py")])
    now = 0.0
    for number, (command, output, code, seconds, tier) in enumerate(steps):
        now += seconds
        usage = Usage(prompt=2_000 + 900 * number, completion=120)
        state = state.after_call(str(tier), usage, now, tier)
        call = ToolCall(str(number), "terminal", json.dumps({"command": command}))
        result = Entry(role="tool", text=output, call_id=str(number), exit_code=code)
        state = state.fold([Entry(role="assistant", calls=(call,)), result])
    return state


def decide(
    state: SessionState,
    tiers: TierSet | None = None,
    policy: Policy | None = None,
    **request: object,
) -> Decision:
    asked = RoutingRequest(
        session_id="s",
        purpose=Purpose.TURN,
        prompt_tokens=state.prompt_tokens + 500,
    )
    engine = Engine(tiers or tier_set(), RULES, policy or Policy())
    now = (state.pace.answered_at or 0.0) + 1.0
    return engine.decide(replace(asked, **request), state, now=now)


LOOKING = [("grep -rn foo src", "src/a.py:1: foo", 0, 6.0, Tier.COMPLEX)]


def test_first_turn_is_served_by_the_base_tier() -> None:
    assert decide(walked([])).tier == Tier.COMPLEX


def test_turn_after_a_look_around_goes_down_and_says_what_it_saves() -> None:
    steps = [
        ("grep -rn foo src", "src/a.py:1: foo", 0, 6.0, Tier.COMPLEX),
        ("pip install x", "ok", 0, 6.0, Tier.COMPLEX),
    ]
    steps += [("cat <<'EOF' > /tmp/t.py\nimport a\nEOF", "", 0, 6.0, Tier.COMPLEX)]
    decision = decide(walked(steps))
    assert decision.tier == Tier.SIMPLE
    cost = {c.endpoint: c.cost_now or 0.0 for c in decision.candidates}
    assert 0.0 < cost["simple"] < cost["complex"]


def test_new_user_message_opens_with_the_base_tier() -> None:
    state = walked(LOOKING * 5).fold([Entry(role="user", text="Now do the next one")])
    assert decide(state).tier == Tier.COMPLEX


def test_side_request_goes_to_its_tier_whatever_the_session() -> None:
    decision = decide(walked(LOOKING), purpose=Purpose.SIDE)
    assert decision.tier == Tier.SIMPLE


def test_unknown_prices_leave_the_choice_to_the_probability() -> None:
    endpoints = tuple(replace(e, prices=None) for e in tier_set().endpoints)
    state = walked([("cat <<'EOF' > /tmp/t.py\nEOF", "", 0, 6.0, Tier.COMPLEX)])

    class Sure:
        def __init__(self, p: float) -> None:
            self.p = p

        def probability(self, session: SessionState) -> float:  # noqa: ARG002
            return self.p

    def tier(p: float) -> Tier:
        engine = Engine(TierSet(endpoints), standard_rules(next_turn=Sure(p)))
        request = RoutingRequest(
            session_id="s", purpose=Purpose.TURN, prompt_tokens=900
        )
        return engine.decide(request, state, now=0.0).tier

    assert tier(MECHANICAL + 0.01) == Tier.SIMPLE
    assert tier(MECHANICAL - 0.01) == Tier.COMPLEX


def test_slow_turns_buy_an_hour_of_cache_where_it_is_sold() -> None:
    slow = walked([("ls -la", "a", 0, 500.0, Tier.COMPLEX)] * 4)
    sold = TierSet(
        tuple(
            replace(e, prices=replace(prices(1), cache_write_1h=2e-6))
            for e in tier_set().endpoints
        )
    )
    bought = decide(slow, sold)
    assert bought.lifetime("complex") is None  # still warm for five minutes
    assert bought.lifetime("simple") == bought.cache_ttl == 3_600.0
    assert any(reason.rule == "cache" for reason in bought.reasons)
    assert decide(slow).cache_ttl is None
    assert decide(walked(LOOKING * 4), sold).cache_ttl is None


@given(steps=STEPS, floor=TIERS, cap=TIERS, quality=TIERS)
@settings(max_examples=150, deadline=None)
def test_no_decision_exceeds_its_cap_or_undercuts_its_floor(
    steps: list[tuple[str, str, int, float, Tier]],
    floor: Tier | None,
    cap: Tier | None,
    quality: Tier | None,
) -> None:
    policy = Policy(quality_floor=quality)
    decision = decide(walked(steps), policy=policy, floor=floor, cap=cap)
    lowest = max((t for t in (floor, quality) if t is not None), default=Tier.SIMPLE)
    highest = Tier.REASONING if cap is None else cap
    assert min(lowest, highest) <= decision.tier <= highest


@given(steps=STEPS, low=TIERS, high=TIERS)
@settings(max_examples=100, deadline=None)
def test_more_need_never_lowers_the_tier(
    steps: list[tuple[str, str, int, float, Tier]], low: Tier | None, high: Tier | None
) -> None:
    if low is None or high is None or low > high:
        return
    state = walked(steps)
    assert decide(state, floor=low).tier <= decide(state, floor=high).tier


@given(steps=STEPS, cut=st.integers(0, 12))
@settings(max_examples=75, deadline=None)
def test_state_that_is_rebuilt_decides_alike(
    steps: list[tuple[str, str, int, float, Tier]], cut: int
) -> None:
    walked(steps[:cut])
    assert decide(walked(steps)) == decide(walked(list(steps)))


@given(steps=STEPS, order=st.permutations(range(4)))
@settings(max_examples=75, deadline=None)
def test_order_of_the_configuration_changes_no_decision(
    steps: list[tuple[str, str, int, float, Tier]], order: list[int]
) -> None:
    tiers = tier_set()
    shuffled = TierSet(tuple(tiers.endpoints[i] for i in order))
    one, other = decide(walked(steps), tiers), decide(walked(steps), shuffled)
    assert (one.tier, one.endpoint) == (other.tier, other.endpoint)


@given(
    steps=STEPS,
    scales=st.tuples(*[st.floats(0.01, 10)] * 4),
    dearer=st.floats(1, 20),
)
@settings(max_examples=150, deadline=None)
def test_a_dearer_weak_tier_is_never_likelier_once_it_is_cold(
    steps: list[tuple[str, str, int, float, Tier]],
    scales: tuple[float, float, float, float],
    dearer: float,
) -> None:
    """A warm one may be: the dearer its cache is to fill, the more worth keeping."""
    state = walked([(*step[:4], Tier.COMPLEX) for step in steps])
    two = (scales[0], 100.0, scales[2], scales[2])

    def known(scales: Sequence[float]) -> TierSet:
        rates = (0.4, 0.6, 0.7, 0.75)
        pairs = zip(tier_set(scales).endpoints, rates, strict=True)
        return TierSet(tuple(replace(e, success=rate) for e, rate in pairs))

    before = decide(state, known(two), cap=Tier.COMPLEX)
    raised = (scales[0] * dearer, *two[1:])
    after = decide(state, known(raised), cap=Tier.COMPLEX)
    if before.tier > Tier.SIMPLE:
        assert after.tier > Tier.SIMPLE


@pytest.mark.parametrize("tier", list(Tier))
def test_pin_goes_before_what_is_inferred_and_cap_before_the_pin(tier: Tier) -> None:
    state = walked(LOOKING)
    assert decide(state, pin=tier).tier == tier
    assert decide(state, pin=tier, cap=Tier.MEDIUM).tier == min(tier, Tier.MEDIUM)
