"""From a request to a decision: a list of rules, run in order.

Also in which order endpoints are tried once the tier is settled.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import Any

from openhands_tiered_router.policy.changed import changed
from openhands_tiered_router.policy.decision import (
    Candidate,
    Decision,
    Dimension,
    Reason,
)
from openhands_tiered_router.policy.fleet import AllHealthy, FleetView, Health
from openhands_tiered_router.policy.policy import Policy
from openhands_tiered_router.policy.request import RoutingRequest
from openhands_tiered_router.policy.session import SessionState
from openhands_tiered_router.tiers import Endpoint, Tier, TierSet


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A decision in the making: each rule returns the next one, none mutates it."""

    request: RoutingRequest
    session: SessionState
    tiers: TierSet
    policy: Policy
    fleet: FleetView
    now: float
    candidates: tuple[Candidate, ...]
    required: Tier
    floor: Tier | None = None
    cap: Tier | None = None
    pin: Tier | None = None
    score: float = 0.0
    difficulty: float = 0.0
    """How far the task's text puts it above the mean difficulty, in standard
    deviations of difficulty."""
    is_work: bool = True
    """Whether the task asks for work, and not for an answer."""
    p_mechanical: float | None = None
    dimensions: tuple[Dimension, ...] = ()
    reasons: tuple[Reason, ...] = ()
    way: tuple[Tier, ...] = ()
    not_worth: str = ""
    order: tuple[str, ...] = ()
    """Endpoints to try, best first. Set by ``choose``."""

    def because(self, rule: str, text: str, **changes: Any) -> Draft:
        """The draft with one more reason, and what changed for it."""
        reasons = (*self.reasons, Reason(rule, text))
        return changed(self, reasons=reasons, **changes)

    def endpoint(self, key: str) -> Endpoint:
        # Asked a dozen times a decision: a loop takes half of a generator's time.
        for endpoint in self.tiers.endpoints:
            if endpoint.key == key:
                return endpoint
        raise KeyError(key)

    @property
    def target(self) -> Tier:
        """The tier asked for: a pin, else the need above the floor; within the cap.

        A pin is the user's word and goes before floors, which are inferred. A cap is
        the budget's and goes before both: what cannot be paid for cannot be had.
        """
        floor = Tier.SIMPLE if self.floor is None else self.floor
        cap = Tier.REASONING if self.cap is None else self.cap
        return min(max(self.required, floor) if self.pin is None else self.pin, cap)


Rule = Callable[[Draft], Draft]
"""A step of a decision. Pure; says why with ``Draft.because`` when it changes it."""


@dataclass(frozen=True, slots=True)
class Engine:
    """Decides which endpoint serves a call. Pure: no I/O, no clock, no SDK."""

    tiers: TierSet
    rules: Sequence[Rule]
    policy: Policy = Policy()
    name: str = "rules"

    def decide(
        self,
        request: RoutingRequest,
        session: SessionState,
        *,
        now: float,
        fleet: FleetView | None = None,
    ) -> Decision:
        """Runs the rules.

        Args:
            request: The call.
            session: What went before it in its conversation.
            now: Epoch seconds.
            fleet: State shared by conversations; by default all is healthy.

        Returns:
            The decision; its ``endpoint`` and ``fallbacks`` are keys of ``tiers``.
        """
        draft = Draft(
            request=request,
            session=session,
            tiers=self.tiers,
            policy=self.policy,
            fleet=fleet or AllHealthy(),
            now=now,
            candidates=tuple(
                Candidate(endpoint=e.key, tier=e.tier) for e in self.tiers.endpoints
            ),
            required=self.policy.base_tier,
        )
        for rule in self.rules:
            draft = rule(draft)
        return _decision(draft, self.name)


def _decision(draft: Draft, policy: str) -> Decision:
    first, *rest = draft.order
    tier = draft.endpoint(first).tier
    # An endpoint above may stand in while the target's rests; that makes the target
    # no worse a fallback. What is weaker than both is no fallback.
    least = min(tier, draft.target)
    return Decision(
        tier=tier,
        endpoint=first,
        fallbacks=tuple(k for k in rest if draft.endpoint(k).tier >= least),
        required=draft.required,
        floor=draft.floor,
        cap=draft.cap,
        pinned=draft.pin is not None,
        score=draft.score,
        p_mechanical=draft.p_mechanical,
        candidates=draft.candidates,
        reasons=draft.reasons,
        dimensions=draft.dimensions,
        way=draft.way,
        not_worth=draft.not_worth,
        policy=policy,
    )


def ranked(draft: Draft, target: Tier) -> list[Candidate]:
    """The candidates that may serve: the target tier's, then above, then below.

    Within a tier the healthy go first, then by weight. An endpoint whose breaker is
    open comes after all others of the target tier and above, but before a weaker
    tier: a call that needs more is never sent down while anything above may answer.
    What is above a cap comes last of all: it is only there so that the call need not
    fail.
    """
    feasible = [c for c in draft.candidates if not c.excluded]
    return sorted(feasible, key=lambda c: _rank(draft, target, c))


def best(draft: Draft, tier: Tier) -> Endpoint | None:
    """The endpoint that would serve a call of exactly that tier; ``None``: none."""
    able = [c for c in draft.candidates if c.tier == tier and not c.excluded]
    if not able:
        return None
    first = min(able, key=lambda c: _rank(draft, tier, c)) if len(able) > 1 else able[0]
    return draft.endpoint(first.endpoint)


def _rank(draft: Draft, target: Tier, candidate: Candidate) -> tuple[float, ...]:
    endpoint = draft.endpoint(candidate.endpoint)
    health = draft.fleet.health(endpoint.key, draft.now)
    above_cap = draft.cap is not None and endpoint.tier > draft.cap
    below = endpoint.tier < target
    distance = abs(endpoint.tier - target)
    session = draft.request.session_id or ""
    spread = _draw(session, endpoint.key, endpoint.weight)
    return (above_cap, below, health is Health.OPEN, distance, health, spread)


@lru_cache(maxsize=1_024)
def _draw(session_id: str, key: str, weight: float) -> float:
    """Weighted rendezvous hashing: lower is better.

    A conversation keeps its endpoint, so the provider's prompt cache stays warm, and
    over many conversations each endpoint gets its weight's share (Thaler and
    Ravishankar 1998; weights after Mosko: -log(u) / w).
    """
    name = f"{session_id}\0{key}".encode(errors="replace")
    digest = int.from_bytes(blake2b(name, digest_size=6).digest())
    u = (digest + 0.5) / 2**48
    return -math.log(u) / weight
