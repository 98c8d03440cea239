"""The rules of a decision, and the one list that orders them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from openhands_tiered_router.policy.changed import changed
from openhands_tiered_router.policy.difficulty.escalation import (
    SIGNS,
    asked_by_a_guard,
    escalation,
)
from openhands_tiered_router.policy.difficulty.next_turn import (
    PredictsTurns,
    default_model,
)
from openhands_tiered_router.policy.difficulty.risk import RiskSource, risk
from openhands_tiered_router.policy.difficulty.task import (
    GraphSource,
    TaskScorer,
    TaskScoreRule,
)
from openhands_tiered_router.policy.economics.lifetime import (
    CacheLifetime,
)
from openhands_tiered_router.policy.engine import Draft, Rule, ranked
from openhands_tiered_router.policy.request import Purpose
from openhands_tiered_router.policy.value.rule import worth
from openhands_tiered_router.policy.value.start import strengths_for
from openhands_tiered_router.tiers import Endpoint, Tier


def capable(draft: Draft) -> Draft:
    """Leaves out endpoints that cannot serve the call at all."""
    found = {e.key: _incapable(draft, e) for e in draft.tiers.endpoints}
    if not any(found.values()):
        return draft
    checked = tuple(changed(c, excluded=found[c.endpoint]) for c in draft.candidates)
    if all(c.excluded for c in checked):
        return draft.because("capable", "no endpoint fits the call; all are tried")
    return changed(draft, candidates=checked)


def _incapable(draft: Draft, endpoint: Endpoint) -> str | None:
    request = draft.request
    if request.images and not endpoint.vision:
        return "cannot see images"
    if request.needs_tools and not endpoint.tools:
        return "cannot call tools"
    window = endpoint.max_input_tokens
    if window and request.prompt_tokens > window * draft.policy.window_margin:
        return f"window of {window} tokens too small for {request.prompt_tokens}"
    return None


def side_request(draft: Draft) -> Draft:
    """Titles, summaries and hooks need no strong model."""
    if draft.request.purpose is not Purpose.SIDE:
        return draft
    draft = changed(draft, required=draft.policy.side_tier)
    return draft.because("side_request", "not a step of the conversation")


@dataclass(frozen=True, slots=True)
class NextTurn:
    """How probable it is that the coming turn is mechanical."""

    model: PredictsTurns | None = None
    """``None``: the one that comes with the package."""

    def __call__(self, draft: Draft) -> Draft:
        if draft.request.purpose is not Purpose.TURN:
            return draft
        session = draft.session
        p = (self.model or default_model()).probability(session)
        draft = changed(draft, p_mechanical=p)
        if session.after_user or session.last is None:
            return draft.because("next_turn", "first turn on a request")
        if session.last.failed:
            return draft.because("next_turn", f"{session.last.kind} failed")
        text = f"mechanical with probability {p:.2f} after {session.last.kind}"
        return draft.because("next_turn", text)


def floors(draft: Draft) -> Draft:
    """No turn goes below what the user, the files at hand and the evidence ask for."""
    if draft.request.floor is not None:
        draft = _raised(draft, draft.request.floor, "floors", "the caller's floor")
    if draft.request.purpose is not Purpose.TURN:
        return draft
    policy = draft.policy
    if policy.quality_floor is not None:
        draft = _raised(draft, policy.quality_floor, "floors", "quality_floor")
    # Where success rates are known, a rejection and trouble are evidence of the
    # task's difficulty, which `worth` weighs; a guard's word remains a floor.
    known = strengths_for(draft.tiers.endpoints, policy.work)
    signs = (asked_by_a_guard,) if known else SIGNS
    if found := escalation(draft.session, policy, signs):
        tier, sign = found
        draft = _raised(draft, tier, "escalation", sign.replace("_", " "))
    return draft


@dataclass(frozen=True, slots=True)
class RiskFloor:
    """Work on risky files gets the configured tier."""

    graphs: Callable[[str], RiskSource | None] | None = None
    """From a workspace to its graph's signals; must not block."""

    def __call__(self, draft: Draft) -> Draft:
        if draft.request.purpose is not Purpose.TURN:
            return draft
        workspace = draft.request.workspace
        source = self.graphs(workspace) if self.graphs and workspace else None
        why = risk(draft.session, draft.policy, workspace, source)
        if not why:
            return draft
        return _raised(draft, draft.policy.risk_tier, "risk", why)


def _raised(draft: Draft, tier: Tier, rule: str, why: str) -> Draft:
    floor = tier if draft.floor is None else max(tier, draft.floor)
    return changed(draft, floor=floor).because(rule, f"{why}: {tier} or above")


def caps(draft: Draft) -> Draft:
    """A cap comes from a budget: it overrides floors and pins."""
    cap = draft.request.cap
    if cap is None:
        return draft
    lowest = cap if draft.cap is None else min(cap, draft.cap)
    return changed(draft, cap=lowest).because("caps", f"{cap} or below")


def pins(draft: Draft) -> Draft:
    """The user's word overrides everything that was inferred.

    A marker in the conversation is meant for its turns, not for titles and summaries.
    """
    if draft.request.pin is not None:
        pinned = changed(draft, pin=draft.request.pin)
        return pinned.because("pins", f"the caller asked for {draft.request.pin}")
    side = draft.request.purpose is Purpose.SIDE
    if draft.session.pin is not None and not side:
        pinned = changed(draft, pin=draft.session.pin)
        return pinned.because("pins", f"the user asked for {draft.session.pin}")
    return draft


def choose(draft: Draft) -> Draft:
    """Orders the endpoints around the target tier."""
    target = draft.target
    order = ranked(draft, target)
    chosen = changed(draft, order=tuple(c.endpoint for c in order))
    served = order[0].tier
    if served != target:
        way = "up" if served > target else "down"
        chosen = chosen.because(
            "choose", f"no endpoint for {target}: {way} to {served}"
        )
    return chosen


def standard_rules(
    *,
    scorer: TaskScorer | None = None,
    next_turn: PredictsTurns | None = None,
    facts: GraphSource | None = None,
    signals: Callable[[str], RiskSource | None] | None = None,
    one_hour: bool = True,
) -> tuple[Rule, ...]:
    """The standard policy: its rules, in the order in which they run.

    The one place that orders them. Each rule is constructed with its settings and is
    never changed afterwards; whoever wants others builds another list.

    Args:
        scorer: Scores tasks; ``None``: with the package's weights.
        next_turn: Predicts mechanical turns; ``None``: the package's model.
        facts: What a workspace's code graph says about a task; must not block.
        signals: What it says about the files at hand; must not block.
        one_hour: Whether to buy an hour of cache where that is expected to pay.
    """
    return (
        capable,
        side_request,
        TaskScoreRule(facts, scorer or TaskScorer()),
        NextTurn(next_turn),
        floors,
        RiskFloor(signals),
        caps,
        CacheLifetime(one_hour),
        worth,
        pins,
        choose,
    )


RULES: Final = standard_rules()
"""The standard policy with its defaults."""
