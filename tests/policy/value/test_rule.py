"""Decisions by value: what must hold whatever models, prices and sessions there are."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import permutations
from math import log

import pytest
from hypothesis import given, settings, strategies as st

from openhands_tiered_router.policy.caches import Gaps, WarmPrefix
from openhands_tiered_router.policy.decision import Decision
from openhands_tiered_router.policy.engine import Engine
from openhands_tiered_router.policy.policy import Policy
from openhands_tiered_router.policy.request import Purpose, RoutingRequest
from openhands_tiered_router.policy.rules import standard_rules
from openhands_tiered_router.policy.session import SessionState, Turn
from openhands_tiered_router.policy.tally import Pace
from openhands_tiered_router.policy.value.table import Work
from openhands_tiered_router.tiers import Endpoint, Prices, Tier, TierSet


class Sure:
    """Predicts what the test says."""

    def __init__(self, p: float) -> None:
        self.p = p

    def probability(self, session: SessionState) -> float:
        return 0.0 if session.must_be_hard else self.p


def prices(scale: float) -> Prices:
    """USD per token, in Anthropic's proportions."""
    return Prices(
        input=1e-6 * scale,
        output=5e-6 * scale,
        cache_read=1e-7 * scale,
        cache_write=1.25e-6 * scale,
    )


def endpoint(
    tier: Tier, success: float | None, scale: float, model: str = ""
) -> Endpoint:
    model = model or f"test/{tier}"
    return Endpoint(
        key=str(tier),
        tier=tier,
        model=model,
        cache_id=model,
        prices=prices(scale),
        success=success,
    )


FOUR = tuple(map(endpoint, Tier, (0.348, 0.598, 0.706, 0.744), (0.05, 0.25, 3.0, 5.0)))
SEEN = SessionState(recent=(Turn(actions=()),), turns=5, since_user=3)


def decide(
    endpoints: tuple[Endpoint, ...] = FOUR,
    session: SessionState = SEEN,
    *,
    value: float = 5.0,
    p: float = 0.5,
    prompt: int = 8_000,
    policy: Policy | None = None,
    **request: object,
) -> Decision:
    engine = Engine(
        TierSet(endpoints),
        standard_rules(next_turn=Sure(p)),
        (policy or Policy()).model_copy(update={"task_value": value}),
    )
    asked = RoutingRequest(session_id="s", purpose=Purpose.TURN, prompt_tokens=prompt)
    return engine.decide(replace(asked, **request), session, now=0.0)  # pyright: ignore[reportArgumentType]


def test_the_value_moves_the_work_through_the_tiers() -> None:
    tiers = [decide(value=v, p=0.0).tier for v in (0.1, 1.0, 20.0, 100.0)]
    assert tiers == sorted(tiers)
    assert tiers[0] is Tier.SIMPLE
    assert tiers[1] is Tier.MEDIUM
    assert tiers[-1] is Tier.REASONING


def test_nothing_to_gain_is_served_by_the_cheapest() -> None:
    assert decide(value=0.0).tier is Tier.SIMPLE


RATES = st.floats(0.05, 0.95)
SCALES = st.floats(0.05, 10.0)


@given(
    st.lists(RATES, min_size=4, max_size=4).map(sorted),
    st.lists(SCALES, min_size=4, max_size=4).map(sorted),
    st.floats(0.1, 50.0),
    st.floats(1.0, 10.0),
    st.integers(1_000, 150_000),
)
@settings(max_examples=100, deadline=None)
def test_a_higher_value_never_lowers_a_cold_hard_turn(
    rates: list[float], scales: list[float], value: float, more: float, prompt: int
) -> None:
    endpoints = tuple(map(endpoint, Tier, rates, scales))
    low, high = (
        decide(endpoints, value=v, p=0.0, prompt=prompt) for v in (value, value * more)
    )
    assert high.tier >= low.tier


@given(
    st.sampled_from(Tier),
    RATES,
    st.floats(0.01, 0.5),
    SCALES,
    st.floats(0.1, 50.0),
    st.floats(0.0, 1.0),
)
@settings(max_examples=100, deadline=None)
def test_a_stronger_model_at_the_same_price_is_never_refused(
    tier: Tier, rate: float, better: float, scale: float, value: float, p: float
) -> None:
    strong = min(rate + better, 1.0)
    pair = (
        endpoint(Tier.SIMPLE, rate, scale),
        endpoint(max(tier, Tier.MEDIUM), strong, scale),
    )
    assert decide(pair, value=value, p=p).endpoint == pair[1].key


@given(st.sampled_from(list(permutations(range(4)))), st.floats(0.1, 50), RATES)
@settings(max_examples=60, deadline=None)
def test_order_does_not_matter(order: tuple[int, ...], value: float, p: float) -> None:
    same = decide(value=value, p=p)
    other = decide(tuple(FOUR[i] for i in order), value=value, p=p)
    assert other.endpoint == same.endpoint
    assert other.way == same.way


@given(st.floats(0.1, 50), RATES, st.sampled_from(Tier))
@settings(max_examples=60, deadline=None)
def test_equal_models_are_one(value: float, p: float, tier: Tier) -> None:
    """A model that stands in two tiers changes nothing."""
    single = tuple(e for e in FOUR if e.tier in (Tier.SIMPLE, Tier.COMPLEX))
    twice = (
        FOUR[0],
        replace(FOUR[0], key="medium", tier=Tier.MEDIUM),
        FOUR[2],
        replace(FOUR[2], key="reasoning", tier=Tier.REASONING),
    )
    assert decide(twice, value=value, p=p).tier == decide(single, value=value, p=p).tier


def test_the_first_turn_of_a_conversation_is_weighed_like_any_other() -> None:
    opening = SessionState(user_messages=1)
    short = decide(session=opening, p=0.0, prompt=1_500)
    long = decide(session=opening, p=0.0, prompt=40_000)
    assert short.way == long.way == (Tier.MEDIUM,)
    assert (short.tier, long.tier) == (Tier.COMPLEX, Tier.MEDIUM)


def test_a_lifetime_that_is_sold_keeps_slow_turns_on_the_model_that_is_worth_more() -> (
    None
):
    """At five minutes alone its cache would be written anew all the time."""
    gaps = Gaps(20, 20 * log(400.0), 20 * log(400.0) ** 2)
    slow = replace(SEEN, pace=Pace(0.0, gaps))
    hour = tuple(
        replace(e, prices=replace(e.prices, cache_write_1h=2 * e.prices.input))
        if e.tier is Tier.COMPLEX and e.prices
        else e
        for e in FOUR
    )
    tiers = [
        decide(endpoints, slow, value=8.0, p=0.0).tier for endpoints in (FOUR, hour)
    ]
    assert tiers == [Tier.MEDIUM, Tier.COMPLEX]


def test_tiers_that_share_a_model_share_its_cache() -> None:
    warm = replace(SEEN, warm={"test/complex": WarmPrefix(8_000, 0.0)})
    both = (FOUR[2], replace(FOUR[2], key="reasoning", tier=Tier.REASONING))
    decision = decide(both, warm)
    assert decision.tier is Tier.COMPLEX
    assert decision.candidates[0].warm_tokens == 8_000


def test_a_warm_cache_keeps_a_session_where_it_is() -> None:
    """Complex or reasoning: what is there need not be written again."""
    near = (endpoint(Tier.COMPLEX, 0.70, 3.0), endpoint(Tier.REASONING, 0.72, 3.3))
    for served in near:
        warm = replace(SEEN, warm={served.cache_id: WarmPrefix(100_000, 0.0)})
        assert decide(near, warm, value=3.0, prompt=100_000).tier is served.tier


def test_floors_caps_and_pins_go_before_value() -> None:
    assert decide(value=0.1, floor=Tier.COMPLEX).tier is Tier.COMPLEX
    assert decide(value=100.0, cap=Tier.MEDIUM).tier is Tier.MEDIUM
    assert decide(value=100.0, pin=Tier.SIMPLE).tier is Tier.SIMPLE


VERIFIED = Policy(catch_rate=0.8, pass_rate=0.9)


def test_rejected_work_rises_to_the_tier_that_is_worth_most() -> None:
    first = decide(value=5.0, policy=VERIFIED)
    assert first.tier is Tier.MEDIUM
    rejected = replace(SEEN, edited_by=Tier.MEDIUM).verified(False)
    again = decide(session=rejected, value=5.0, policy=VERIFIED)
    assert again.tier > Tier.MEDIUM
    assert again.floor == again.way[0]
    assert any("rejected work of medium" in r.text for r in again.reasons)


def test_work_that_is_not_worth_more_stays_and_says_so() -> None:
    rejected = replace(SEEN, edited_by=Tier.MEDIUM).verified(False)
    decision = decide(session=rejected, value=0.05, policy=VERIFIED)
    assert decision.tier <= Tier.MEDIUM
    assert any("not worth more" in r.text for r in decision.reasons)
    assert "At $0.05 a solved task" in decision.not_worth
    assert not decide(session=rejected, value=5.0, policy=VERIFIED).not_worth


@settings(max_examples=40, deadline=None)
@given(st.floats(0.0, 50.0), st.floats(0.0, 50.0), st.sampled_from(tuple(Tier)))
def test_what_is_worth_another_try_is_so_at_a_higher_value(
    one: float, other: float, tier: Tier
) -> None:
    rejected = replace(SEEN, edited_by=tier).verified(False)
    low, high = (
        decide(session=rejected, value=v, policy=VERIFIED) for v in sorted((one, other))
    )
    assert not high.not_worth or low.not_worth


def test_what_is_left_limits_the_way() -> None:
    start = SessionState(task="Fix it.", request="Fix it.")
    free = decide(session=start, value=100.0, policy=VERIFIED)
    assert free.way[-1] is Tier.REASONING
    left = decide(session=start, value=100.0, policy=VERIFIED, left_usd=0.2)
    assert left.way[-1] < Tier.REASONING
    nothing = decide(session=start, value=100.0, policy=VERIFIED, left_usd=0.0)
    assert nothing.way == (Tier.SIMPLE,)


def test_the_kind_of_work_chooses_the_published_rates() -> None:
    """Strong at repairs is not strong at research."""
    models = ("deepseek/deepseek-v4-pro", "openai/gpt-5.4")
    pair = tuple(
        replace(endpoint(tier, None, 1.0, model), task_usd=usd)
        for tier, model, usd in zip(
            (Tier.SIMPLE, Tier.COMPLEX), models, (0.1, 1.0), strict=True
        )
    )
    start = SessionState(task="Find it.", request="Find it.")
    found = {
        work: decide(pair, start, value=5.0, policy=Policy(work=work)).way
        for work in (Work.BUGS, Work.RESEARCH)
    }
    assert found == {Work.BUGS: (Tier.SIMPLE,), Work.RESEARCH: (Tier.COMPLEX,)}


def test_without_rates_hard_turns_get_the_base_tier_and_others_may_not() -> None:
    unknown = tuple(replace(e, success=None) for e in FOUR)
    assert decide(unknown, p=0.0).tier is Tier.COMPLEX
    assert decide(unknown, p=0.99).tier < Tier.COMPLEX
    assert decide(unknown).way == ()


def test_without_prices_a_request_starts_on_its_way() -> None:
    known = tuple(
        replace(e, prices=None, task_usd=usd)
        for e, usd in zip(FOUR, (0.02, 0.03, 0.5, 0.7), strict=True)
    )
    decision = decide(known, value=5.0, policy=VERIFIED)
    assert decision.tier is decision.way[0]
    assert len(decision.way) > 1


@pytest.mark.parametrize("p", [0.0, 0.5, 0.95])
def test_the_receipt_adds_up(p: float) -> None:
    decision = decide(p=p)
    priced = [c for c in decision.candidates if c.cost_now is not None]
    assert len(priced) == len(FOUR)
    [chosen] = [c for c in priced if c.endpoint == decision.endpoint]
    assert chosen.cost_return == 0.0
    assert decision.reasons[-1].rule == "value"
    assert decision.why == decision.reasons[-1].text


@pytest.mark.parametrize("p", [0.0, 0.05, 0.5, 0.95, 1.0])
@pytest.mark.parametrize("value", [0.01, 1.0, 50.0])
def test_the_choice_is_explained_in_words(p: float, value: float) -> None:
    why = decide(p=p, value=value).why
    usd = r"\$\d\.\d{4}"
    assert re.fullmatch(
        r"(hard turn|mechanical turn|(hard|mechanical) \(\d\d%\)): "
        rf"({usd} less than \w+, {usd} at risk"
        rf"|\w+ would save (nothing|{usd} and risk {usd}))",
        why,
    )
    assert why.startswith("hard") == (p < 0.5)
    assert len(why) <= 66, "a line of `run` at 80 columns"


def test_a_report_that_looks_hard_starts_higher() -> None:
    """The score of a report shifts the difficulty that its way is chosen by."""
    easy = "`parse_args` fails. Fix `parse_args` in `cli_main` so that `--json` works."
    easy += " It used to work with `--text`, see `print_rows` of the same module."
    hard = (
        "`resolve_order` of `TaskGraph` is wrong because `visit_node` shares "
        "`seen_set` between branches, and later callers rely on that. " * 12
    )
    rates = zip(
        Tier, (0.744, 0.751, 0.848, 0.958), (0.04, 0.15, 0.72, 1.45), strict=True
    )
    four = tuple(
        replace(endpoint(tier, success, 1.0), task_usd=usd)
        for tier, success, usd in rates
    )
    policy = Policy(task_value=20.0, catch_rate=0.8, pass_rate=0.9)
    engine = Engine(TierSet(four), standard_rules(), policy)
    request = RoutingRequest(
        session_id="s", purpose=Purpose.TURN, prompt_tokens=1_000, needs_tools=True
    )
    low, high = (
        engine.decide(request, replace(SessionState(), task=t, request=t), now=0.0)
        for t in (easy, hard)
    )
    assert low.score < high.score
    assert low.way[0] < high.way[0]


def test_a_question_is_no_task_and_a_report_is_one_with_or_without_tools() -> None:
    """Outside of a conversation no tool shows that there is work to do."""
    report = "`parse_args` fails. Fix `parse_args` so that `--json` works again. "
    report += "It used to work with `--text`, see `print_rows` of the same module."
    engine = Engine(TierSet(FOUR), standard_rules(), Policy(task_value=20.0))

    def decided(text: str, purpose: Purpose = Purpose.SINGLE) -> Decision:
        asked = RoutingRequest(session_id=None, purpose=purpose, prompt_tokens=100)
        return engine.decide(asked, SessionState(task=text, request=text), now=0.0)

    def tier(text: str, purpose: Purpose = Purpose.SINGLE) -> Tier:
        return decided(text, purpose).tier

    assert tier("hi") is Tier.SIMPLE
    assert tier("Title of this chat: parsing arguments?") is Tier.SIMPLE
    prose = "The parser forgets the last column of a table. " * 8
    assert tier(prose) is tier(prose, Purpose.TURN), "as long as a report"
    summary = decided("Summarise this chat in one line. " + prose)
    assert not summary.way, "no task, however long"
    proof = "Prove that the square root of 2 is irrational, step by step."
    assert tier(proof) is Tier.REASONING, "its score decides"
    assert tier(report) is tier(report, Purpose.TURN)
    assert tier(report) > Tier.SIMPLE
    assert tier(report, Purpose.SIDE) is Tier.SIMPLE
