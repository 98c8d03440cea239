"""The rules of a decision, and the one list that orders them."""

from __future__ import annotations

import math
from dataclasses import replace
from hashlib import blake2b
from typing import Final

from openhands_tiered_router.core.actions import ActionKind
from openhands_tiered_router.core.decision import Candidate
from openhands_tiered_router.core.engine import Draft, Rule
from openhands_tiered_router.core.fleet import Health
from openhands_tiered_router.core.request import Purpose
from openhands_tiered_router.tiers import Endpoint, Tier


_BEFORE_MECHANICAL: Final = frozenset(
    {
        ActionKind.SEARCH,
        ActionKind.READ,
        ActionKind.LIST,
        ActionKind.GIT,
        ActionKind.SCRIPT,
    }
)
"""After one of these that did not fail, the next turn is mechanical in most cases:
the one-line rule measured in docs/benchmarks.md."""


def capable(draft: Draft) -> Draft:
    """Leaves out endpoints that cannot serve the call at all."""
    checked = tuple(
        replace(c, excluded=_incapable(draft, draft.endpoint(c.endpoint)))
        for c in draft.candidates
    )
    if all(c.excluded for c in checked):
        return draft.because("capable", "no endpoint fits the call; all are tried")
    return replace(draft, candidates=checked)


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
    draft = replace(draft, need=draft.policy.side_tier)
    return draft.because("side_request", "not a step of the conversation")


def next_turn(draft: Draft) -> Draft:
    """After a look around that did not fail, the coming turn is mechanical."""
    if draft.request.purpose is not Purpose.TURN:
        return draft
    last = draft.session.last
    if last is None:
        return draft.because("next_turn", "first turn")
    if last.failed:
        return draft.because("next_turn", f"{last.kind} failed")
    if last.kind not in _BEFORE_MECHANICAL:
        return draft.because("next_turn", f"after {last.kind} comes a hard turn")
    draft = replace(draft, need=draft.policy.mechanical_tier)
    return draft.because("next_turn", f"after {last.kind} comes a mechanical turn")


def pins(draft: Draft) -> Draft:
    """The user's word goes before everything that was inferred.

    A marker in the conversation is meant for its turns, not for titles and summaries.
    """
    if draft.request.pin is not None:
        pinned = replace(draft, pin=draft.request.pin)
        return pinned.because("pins", f"the caller asked for {draft.request.pin}")
    side = draft.request.purpose is Purpose.SIDE
    if draft.session.pin is not None and not side:
        pinned = replace(draft, pin=draft.session.pin)
        return pinned.because("pins", f"the user asked for {draft.session.pin}")
    return draft


def choose(draft: Draft) -> Draft:
    """Orders the endpoints: the target tier's, then those above, then those below.

    Within a tier the healthy go first, then by weight. An endpoint whose breaker is
    open comes after all others of the target tier and above, but before a weaker
    tier: a call that needs more is never sent down while anything above may answer.
    """
    target = draft.target
    feasible = [c for c in draft.candidates if not c.excluded]
    ranked = sorted(feasible, key=lambda c: _rank(draft, target, c))
    chosen = replace(draft, order=tuple(c.endpoint for c in ranked))
    served = ranked[0].tier
    if served != target:
        way = "up" if served > target else "down"
        chosen = chosen.because(
            "choose", f"no endpoint for {target}: {way} to {served}"
        )
    return chosen


def _rank(draft: Draft, target: Tier, candidate: Candidate) -> tuple[float, ...]:
    endpoint = draft.endpoint(candidate.endpoint)
    health = draft.fleet.health(endpoint.key, draft.now)
    below = endpoint.tier < target
    distance = abs(endpoint.tier - target)
    spread = _draw(draft.request.session_id or "", endpoint)
    return (below, health is Health.OPEN, distance, health, spread)


def _draw(session_id: str, endpoint: Endpoint) -> float:
    """Weighted rendezvous hashing: lower is better.

    A conversation keeps its endpoint, so the provider's prompt cache stays warm, and
    over many conversations each endpoint gets its weight's share (Thaler and
    Ravishankar 1998; weights after Mosko: -log(u) / w).
    """
    name = f"{session_id}\0{endpoint.key}".encode(errors="replace")
    digest = int.from_bytes(blake2b(name, digest_size=6).digest())
    u = (digest + 0.5) / 2**48
    return -math.log(u) / endpoint.weight


RULES: Final[tuple[Rule, ...]] = (
    capable,
    side_request,
    next_turn,
    pins,
    choose,
)
"""The default policy, in the order in which its rules run."""
