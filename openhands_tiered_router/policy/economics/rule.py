"""The rule that sends a turn down where that pays."""

from __future__ import annotations

from dataclasses import replace

from openhands_tiered_router.policy.decision import Candidate
from openhands_tiered_router.policy.economics.choice import Comparison, Side, compare
from openhands_tiered_router.policy.engine import Draft
from openhands_tiered_router.policy.ranking import best
from openhands_tiered_router.policy.request import Purpose
from openhands_tiered_router.tiers import Endpoint, Tier


def economics(draft: Draft) -> Draft:
    """Serves the turn from the tier whose expected cost, now and later, is least.

    Later turns' costs and the price of a hard turn served too weakly count. Where a
    price is not known, the probability alone decides.
    """
    p_mechanical = draft.p_mechanical
    if draft.request.purpose is not Purpose.TURN or p_mechanical is None:
        return draft
    top = draft.target
    strong = best(draft, draft.tiers.serving(top))
    if strong is None or draft.session.after_user or not draft.session.recent:
        return draft
    lowest = draft.policy.mechanical_tier
    if draft.floor is not None:
        lowest = max(lowest, draft.floor)
    for weak in _weaker(draft, strong, lowest):
        compared = compare(
            draft.session,
            draft.policy,
            strong,
            weak,
            prompt=draft.request.prompt_tokens,
            p_mechanical=p_mechanical,
            now=draft.now,
        )
        if compared is None:
            return _by_probability(draft, weak)
        draft = _receipt(draft, strong, weak, compared)
        if compared.weak_wins:
            return draft
    return draft


def _weaker(draft: Draft, strong: Endpoint, lowest: Tier) -> list[Endpoint]:
    """One endpoint of each tier below that can pay, weakest first.

    A hard turn is leaked by any of them alike, so one that costs more than a weaker
    one in every respect has nothing to offer.
    """
    tiers = [t for t in draft.tiers.tiers() if lowest <= t < strong.tier]
    found = [e for e in (best(draft, t) for t in tiers) if e]
    found = [e for e in found if e.cache_id != strong.cache_id]
    return [e for i, e in enumerate(found) if not any(_dearer(e, w) for w in found[:i])]


def _dearer(endpoint: Endpoint, weaker: Endpoint) -> bool:
    one, other = endpoint.prices, weaker.prices
    return (
        one is not None
        and other is not None
        and one.cache_read >= other.cache_read
        and one.cache_write >= other.cache_write
        and one.output >= other.output
    )


def _by_probability(draft: Draft, weak: Endpoint) -> Draft:
    threshold = draft.policy.mechanical_threshold
    if (draft.p_mechanical or 0.0) < threshold:
        return draft
    text = f"prices not known; {weak.tier} from probability {threshold:.2f}"
    return draft.because("economics", text, need=weak.tier)


def _receipt(
    draft: Draft, strong: Endpoint, weak: Endpoint, compared: Comparison
) -> Draft:
    """Puts on record what either would cost, and goes down where that is less."""
    sides = {strong.key: compared.strong, weak.key: compared.weak}
    candidates = tuple(
        _priced(c, sides[c.endpoint]) if c.endpoint in sides else c
        for c in draft.candidates
    )
    texts = [
        f"{e.tier} ${s.now:.4f} now, ${s.later:.4f} later, ${s.leak:.4f} if too weak"
        for e, s in ((strong, compared.strong), (weak, compared.weak))
    ]
    need = weak.tier if compared.weak_wins else draft.need
    reason = "; ".join(texts)
    return draft.because("economics", reason, candidates=candidates, need=need)


def _priced(candidate: Candidate, side: Side) -> Candidate:
    return replace(
        candidate,
        cost_now=side.now,
        cost_return=side.later,
        warm_tokens=side.warm,
    )
