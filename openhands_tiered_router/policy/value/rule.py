"""The rules that choose tiers by what a task is worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from openhands_tiered_router.policy.changed import changed
from openhands_tiered_router.policy.difficulty.escalation import trouble
from openhands_tiered_router.policy.economics.costs import rates, warm_tokens
from openhands_tiered_router.policy.economics.dynamics import default_dynamics
from openhands_tiered_router.policy.economics.lifetime import HOUR, sells_hour
from openhands_tiered_router.policy.engine import Draft, best
from openhands_tiered_router.policy.request import Purpose
from openhands_tiered_router.policy.value.start import (
    PRIOR,
    Known,
    belief_after,
    chance,
    odds_of,
    right_though_rejected,
    strengths_for,
)
from openhands_tiered_router.policy.value.table import Work
from openhands_tiered_router.policy.value.turns import (
    TURNS_AHEAD,
    Arm,
    Option,
    Situated,
    losses,
    options,
)
from openhands_tiered_router.policy.value.ways import (
    Belief,
    Odds,
    Way,
    best_way,
    expected,
)
from openhands_tiered_router.tiers import Endpoint, Prices, Tier


UNDER_ROUTED: Final = 2.0
"""Loss of a hard turn below the base tier where no success rate is known, in savings
of a turn in the middle of those looked ahead. A stand-in, chosen on recorded sessions
of five agents, at which Haiku and Opus put .12 to .26 of their hard turns below the
base tier."""
STATED_VALUE: Final = 5.0
"""USD a task at which that stand-in holds; it rises with the task's value."""
FAILED: Final = 1.5
"""How much more such a turn is held to lose right after a failure. Judgement."""
SAME_AGAIN: Final = 0.5
"""What the model whose work was rejected solves at another try, as a share of what a
different model of its strength would: it repeats its mistakes. Judgement."""
MECHANICAL: Final = 0.62
"""P(mechanical) from which a turn goes to the mechanical tier where a price is not
known. Judgement."""


def worth(draft: Draft) -> Draft:
    """Serves the call from the tier that is worth most for it.

    With success rates known, a request starts on the way with the greatest expected
    value, and each turn goes where tokens plus lost success come to the least USD.
    Without them, hard turns are held to need the base tier. A question outside of any
    conversation is no task: its score decides.
    """
    if draft.request.purpose not in (Purpose.TURN, Purpose.SINGLE):
        return draft
    if draft.request.purpose is Purpose.SINGLE and not draft.is_work:
        return draft
    known = _known(draft)
    if known is None:
        return _assumed(draft)
    odds = odds_of(draft.policy)
    belief = _belief(draft, known, odds)
    # A text tells of a task before it is worked on, and of no turn. What it tells was
    # fitted to reports of bugs: tests written for the same reports did worse with it.
    told = draft.difficulty if draft.policy.work is Work.BUGS else 0.0
    before = Belief.prior(told) if belief is PRIOR else belief
    draft, way = _started(draft, known, odds, before)
    if draft.request.purpose is Purpose.SINGLE:
        return draft
    if way is not None and not draft.session.turns:
        known = _paid_for(draft, known, odds, before, way)
    return _turn(draft, known, odds, belief, way)


def _known(draft: Draft) -> Known | None:
    """One endpoint a model with its strength; ``None``: no rate is known."""
    strengths = strengths_for(draft.tiers.endpoints, draft.policy.work)
    if not strengths:
        return None
    return Known(tuple(_able(draft, Tier.SIMPLE, Tier.REASONING)), strengths)


def _able(draft: Draft, low: Tier, high: Tier) -> list[Endpoint]:
    """The endpoints that may serve, weakest tier first; one for each model.

    A model that stands in several tiers serves under the base tier's name, or else
    the lowest. Floors of this turn alone leave later turns' plans as they are.
    """
    least = draft.policy.quality_floor
    if least is not None:
        low = max(low, draft.tiers.serving(least))
    if draft.cap is not None:
        high = min(high, draft.cap)
    found: dict[str, Endpoint] = {}
    for tier in draft.tiers.tiers():
        endpoint = best(draft, tier) if low <= tier <= max(low, high) else None
        if endpoint is None:
            continue
        if endpoint.cache_id not in found or tier == draft.policy.base_tier:
            found[endpoint.cache_id] = endpoint
    return list(found.values())


def _belief(draft: Draft, known: Known, odds: Odds) -> Belief:
    """What is believed of the task's difficulty after its rejections and trouble."""
    session = draft.session
    rejected = tuple(_rate(draft, known, tier) for tier in session.rejected)
    troubled = None
    if trouble(session, draft.policy):
        troubled = next(
            (
                known.strengths[e.key].success
                for e in draft.tiers.endpoints
                if e.cache_id == session.answered_by
            ),
            _rate(draft, known, None),
        )
    if not rejected and troubled is None:
        return PRIOR
    return belief_after(PRIOR, rejected, troubled, odds)


def _rate(draft: Draft, known: Known, tier: Tier | None) -> float:
    """The success rate of a tier's model; of the weakest if it is not known which."""
    found = {e.tier: known.strengths[e.key].success for e in draft.tiers.endpoints}
    weakest = min(found.values())
    return weakest if tier is None else found.get(tier, weakest)


def _started(
    draft: Draft, known: Known, odds: Odds, belief: Belief
) -> tuple[Draft, Way | None]:
    """With the way that the request takes from here."""
    runners = known.runners
    if not runners:
        return draft, None
    if any(tier is not None for tier in draft.session.rejected):
        return _again(draft, known, odds, belief)
    way = best_way(runners, odds, belief, _left(draft))
    text = _expected(way)
    draft = changed(draft, way=way.tiers, required=way.tiers[0])
    return draft.because("value", f"{text}, at ${odds.value:g} a solved task"), way


def _left(draft: Draft) -> float | None:
    """What the budgets leave, to two digits: equal sums are remembered."""
    left = draft.request.left_usd
    return None if left is None else float(f"{left:.1e}")


def _paid_for(
    draft: Draft, known: Known, odds: Odds, belief: Belief, way: Way
) -> Known:
    """Those that begin: what the budgets leave pays for the whole task on them, or they
    are on the way. A prefix is not written on a model that cannot go on."""
    left = _left(draft)
    if left is None:
        return known
    alone = {r.tier: best_way((r,), odds, belief).usd for r in known.runners}
    paid = {*way.tiers, *(tier for tier, usd in alone.items() if usd <= left)}
    endpoints = tuple(e for e in known.endpoints if e.tier in paid)
    return replace(known, endpoints=endpoints)


def _again(
    draft: Draft, known: Known, odds: Odds, belief: Belief
) -> tuple[Draft, Way | None]:
    """After a rejection: along the best way of the stronger tiers, or on with the same
    one, if either is worth more than the work as it is."""
    *before, last = draft.session.rejected
    worked = max(tier for tier in draft.session.rejected if tier is not None)
    stronger = tuple(r for r in known.runners if r.tier > worked)
    ways = [best_way(stronger, odds, belief, _left(draft))] if stronger else []
    for same in (r for r in known.runners if r.tier == worked):
        on = expected((same,), odds, belief)
        ways.append(replace(on, success=SAME_AGAIN * on.success))
    if not ways:
        return draft.because("value", "no tier is left to try"), None
    way = max(ways, key=lambda way: way.worth(odds.value))
    text = _expected(way)
    earlier = tuple(_rate(draft, known, tier) for tier in before)
    believed = belief_after(PRIOR, earlier, None, odds)
    right = right_though_rejected(_rate(draft, known, last), believed, odds)
    as_it_is = odds.value * right
    if way.worth(odds.value) <= as_it_is:
        text = f"{text}: not worth more than the rejected work (${as_it_is:.2f})"
        draft = changed(draft, required=worked, not_worth=_not_worth(way, right, odds))
        return draft.because("value", text), None
    least = way.tiers[0] if draft.floor is None else max(draft.floor, way.tiers[0])
    draft = changed(draft, way=way.tiers, required=way.tiers[0], floor=least)
    return draft.because("value", f"rejected work of {worked}: {text}"), way


def _not_worth(way: Way, right: float, odds: Odds) -> str:
    return (
        f"another try ({_names(way)}) is expected to cost ${way.usd:.2f} and to solve "
        f"the task with probability {way.success:.0%}; as it is, the work is right "
        f"with probability {right:.0%}. At ${odds.value:g} a solved task that is not "
        "worth more"
    )


def _turn(
    draft: Draft, known: Known, odds: Odds, belief: Belief, way: Way | None
) -> Draft:
    """The endpoint for this turn, by tokens, caches and lost success."""
    p = draft.p_mechanical
    endpoints = known.endpoints
    if p is None or not endpoints or any(e.prices is None for e in endpoints):
        return draft
    chances = {
        e.key: chance(known.strengths[e.key].success, belief, odds.sigma)
        for e in known.endpoints
    }
    top = max(chances.values())
    value = odds.value - _caught(known, odds, belief, way)
    arms = [
        _arm(draft, e, e.prices, losses(value, chances[e.key], top))
        for e in endpoints
        if e.prices is not None
    ]
    return _chosen(draft, endpoints, arms)


def _caught(known: Known, odds: Odds, belief: Belief, way: Way | None) -> float:
    """USD by which the loss of wrong work is less: a verifier may notice it in time.

    What is noticed goes on along the way, and is worth what that still solves less
    what it costs.
    """
    if way is None or len(way.tiers) < 2 or not odds.catch:
        return 0.0
    first, *rest = [r for r in known.runners if r.tier in way.tiers]
    after = belief_after(belief, (first.success,), None, odds)
    again = best_way(tuple(rest), odds, after)
    return odds.catch * max(again.worth(odds.value), 0.0)


def _assumed(draft: Draft) -> Draft:
    """Without success rates: hard turns are held to need the base tier."""
    p = draft.p_mechanical
    opening = draft.session.after_user or not draft.session.recent
    if draft.request.purpose is not Purpose.TURN or p is None or opening:
        return draft
    base = draft.tiers.serving(draft.target)
    endpoints = _able(draft, draft.policy.mechanical_tier, base)
    if len(endpoints) < 2:
        return draft
    if any(e.prices is None for e in endpoints):
        if p < MECHANICAL:
            return draft
        text = f"prices not known; {endpoints[0].tier} from probability {MECHANICAL}"
        return draft.because("value", text, required=endpoints[0].tier)
    dearest = _ahead(draft, endpoints[-1])
    scale = draft.policy.task_value / STATED_VALUE * (FAILED if p <= 0.0 else 1.0)
    arms = []
    for e in endpoints:
        assert e.prices is not None
        saving = max(dearest - _ahead(draft, e), 0.0)
        arms.append(_arm(draft, e, e.prices, (UNDER_ROUTED * scale * saving, 0.0)))
    return _chosen(draft, endpoints, arms)


def _ahead(draft: Draft, endpoint: Endpoint) -> float:
    """Cost of a turn in the middle of the turns that are looked ahead, USD.

    Sizes and pace are the session's own: with a typical size, large prompts saved more
    at each turn than a hard one was held to lose, and everything went to the weak tier.
    Where turns outlast the cache, the prompt is written again, which the saving grows
    by, and so the charge.
    """
    session, prices = draft.session, endpoint.prices
    assert prices is not None
    prompt = draft.request.prompt_tokens + session.growth * TURNS_AHEAD / 2
    dead = session.pace.outlasts(max(endpoint.cache_ttl, 1.0))
    return (
        prices.cache_read * prompt
        + dead * (prices.cache_write - prices.cache_read) * prompt
        + prices.cache_write * session.growth
        + prices.output * session.output
    )


def _arm(
    draft: Draft, endpoint: Endpoint, prices: Prices, loss: tuple[float, float]
) -> Arm:
    prompt = draft.request.prompt_tokens
    rate = rates(prices, prompt)
    prefix = draft.session.warm.get(endpoint.cache_id)
    left = prefix.left(draft.now, endpoint.cache_ttl) if prefix else 0.0
    longer = None
    if prices.cache_write_1h and sells_hour(endpoint) and draft.request.marks_cache:
        # In proportion, for long prompts too; see `for_an_hour`.
        dearer = prices.cache_write_1h / prices.cache_write
        longer = rate.cache_write * dearer, HOUR
    return Arm(
        key=endpoint.key,
        rates=rate,
        longer=longer,
        warm=warm_tokens(
            draft.session,
            endpoint,
            prompt=prompt,
            now=draft.now,
            look_back=draft.policy.cache_look_back,
        ),
        lifetime=max(endpoint.cache_ttl, 1.0),
        left=max(left, 1.0),
        hard=loss[0],
        mechanical=loss[1],
    )


def _chosen(draft: Draft, endpoints: Sequence[Endpoint], arms: Sequence[Arm]) -> Draft:
    """The cheapest of them, with the receipt."""
    session = draft.session
    found = options(
        arms,
        Situated(
            prompt=draft.request.prompt_tokens,
            growth=session.growth,
            output=session.output,
            pace=session.pace,
            p_mechanical=draft.p_mechanical or 0.0,
            dynamics=default_dynamics(),
        ),
    )
    tiers = {e.key: e.tier for e in endpoints}
    floor = min(draft.floor or Tier.SIMPLE, max(tiers.values()))
    able = [o for o in found if tiers[o.key] >= floor]
    # Of equals the stronger one: the same price buys more.
    least = min(able, key=lambda o: (o.total, -tiers[o.key]))
    receipts = {o.key: (o, arm) for o, arm in zip(found, arms, strict=True)}
    candidates = tuple(
        changed(
            c,
            cost_now=receipts[c.endpoint][0].now,
            cost_return=receipts[c.endpoint][0].later - least.later,
            loss=receipts[c.endpoint][0].loss,
            warm_tokens=receipts[c.endpoint][1].warm,
        )
        if c.endpoint in receipts
        else c
        for c in draft.candidates
    )
    text = _said(least, able, tiers, draft.p_mechanical or 0.0)
    need = tiers[least.key]
    return draft.because("value", text, required=need, candidates=candidates)


def _said(
    chosen: Option, able: Sequence[Option], tiers: Mapping[str, Tier], p: float
) -> str:
    """The choice beside the next best, in words; the receipt has all in figures."""
    turn = "mechanical" if p >= 0.5 else "hard"
    chance = max(p, 1 - p)
    head = f"{turn} turn" if chance == 1.0 else f"{turn} ({chance:.0%})"
    others = [o for o in able if tiers[o.key] != tiers[chosen.key]]
    if not others:
        return f"{head}: no other tier may serve it"
    other = min(others, key=lambda o: o.total)
    name = tiers[other.key]
    saved = other.now + other.later - chosen.now - chosen.later
    risk = chosen.loss - other.loss
    if name > tiers[chosen.key]:
        return f"{head}: ${saved:.4f} less than {name}, ${risk:.4f} at risk"
    if saved >= 0:
        return f"{head}: {name} would save nothing"
    return f"{head}: {name} would save ${-saved:.4f} and risk ${-risk:.4f}"


def _expected(way: Way) -> str:
    return f"{_names(way)} expected to solve {way.success:.0%} for ${way.usd:.2f}"


def _names(way: Way) -> str:
    return ", then ".join(map(str, way.tiers))
