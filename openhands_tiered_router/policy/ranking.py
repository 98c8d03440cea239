"""In which order endpoints are tried once the tier is settled."""

from __future__ import annotations

import math
from functools import lru_cache
from hashlib import blake2b

from openhands_tiered_router.policy.decision import Candidate
from openhands_tiered_router.policy.engine import Draft
from openhands_tiered_router.policy.fleet import Health
from openhands_tiered_router.tiers import Endpoint, Tier


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
