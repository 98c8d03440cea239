"""Now and then another tier than the chosen one, so that logs can judge policies."""

from __future__ import annotations

from dataclasses import astuple, dataclass, replace
from hashlib import blake2b
from typing import Annotated, Final

from pydantic import Field

from openhands_tiered_router.fields import Count, Number, Section, Share
from openhands_tiered_router.policy.caches import Gaps
from openhands_tiered_router.policy.engine import Draft
from openhands_tiered_router.policy.fleet import Health
from openhands_tiered_router.policy.ranking import best, ranked
from openhands_tiered_router.policy.request import Purpose
from openhands_tiered_router.policy.situation import Situation, WarmEndpoint
from openhands_tiered_router.tiers import Tier


class Exploration(Section):
    """Trying a neighbouring tier now and then; the configuration's ``[explore]``."""

    share: Annotated[Number, Field(ge=0, le=0.5)] = 0.0
    """Share of the turns that allow it; 0: never. Hard and risky turns do not."""
    seed: Count = 0
    """Another seed tries other turns."""
    least_mechanical: Share = 0.5
    """P(mechanical) below which a turn counts as hard and is left alone. Judgement:
    more likely mechanical than not."""


NEVER: Final = Exploration()
"""No other tier is ever tried."""


@dataclass(frozen=True, slots=True)
class Explore:
    """Sends a share of turns to another tier near the chosen one, and says how
    likely that was: to the next one up or down, or one that economics weighed too.

    Never a hard or risky turn, nor one that evidence of trouble, a pin, or an
    endpoint that is not well has a say in. Above no cap, below no floor. Which turns
    is a matter of a hash of session, turn and seed, so that a session that was
    rebuilt is decided alike.
    """

    settings: Exploration = NEVER

    def __call__(self, draft: Draft) -> Draft:
        share, session = self.settings.share, draft.request.session_id
        if not share or not session or draft.request.purpose is not Purpose.TURN:
            return draft
        served = draft.endpoint(draft.order[0]).tier
        others = self._others(draft, served)
        arms = [(served, 1.0 - share if others else 1.0)]
        arms += [(tier, share / len(others)) for tier in others]
        draft = replace(draft, situation=_situation_of(draft, tuple(arms)))
        drawn = _draw(self.settings.seed, session, draft.session.turns)
        if not others or drawn >= share:
            return replace(draft, propensity=arms[0][1])
        tier, propensity = arms[1 + int(drawn / share * len(others))]
        order = tuple(c.endpoint for c in ranked(draft, tier))
        draft = replace(draft, order=order, propensity=propensity)
        return draft.because("explore", f"{tier} tried instead of {served}")

    def _others(self, draft: Draft, served: Tier) -> list[Tier]:
        """The tiers that may be tried instead, weakest first."""
        p = draft.p_mechanical
        if p is None or p < self.settings.least_mechanical or draft.pin is not None:
            return []
        if draft.guarded or draft.session.must_be_hard or not _well(draft, served):
            return []
        tiers = draft.tiers.tiers()
        at = tiers.index(served)
        floor = Tier.SIMPLE if draft.floor is None else draft.floor
        cap = Tier.REASONING if draft.cap is None else draft.cap
        near = {*tiers[max(at - 1, 0) : at + 2]}
        near |= {c.tier for c in draft.candidates if c.cost_now is not None}
        others = sorted(near - {served})
        return [t for t in others if floor <= t <= cap and _well(draft, t)]


def _well(draft: Draft, tier: Tier) -> bool:
    """Whether the endpoint that would serve that tier can be relied on."""
    endpoint = best(draft, tier)
    if endpoint is None:
        return False
    return draft.fleet.health(endpoint.key, draft.now) is Health.HEALTHY


def _draw(seed: int, session_id: str, turn: int) -> float:
    """In [0, 1), the same each time."""
    name = f"{seed}\0{session_id}\0{turn}".encode(errors="replace")
    return int.from_bytes(blake2b(name, digest_size=6).digest()) / 2**48


def _situation_of(draft: Draft, arms: tuple[tuple[Tier, float], ...]) -> Situation:
    """What ``draft`` has been decided on."""
    session, request = draft.session, draft.request
    pace = session.pace
    keys = {e.cache_id: e.key for e in draft.tiers.endpoints}
    return Situation(
        prompt_tokens=request.prompt_tokens,
        images=request.images,
        needs_tools=request.needs_tools,
        p_mechanical=draft.p_mechanical,
        floor=draft.floor,
        cap=draft.cap,
        pin=draft.pin,
        opening=session.after_user or not session.recent,
        pace=(pace.log_seconds, pace.total_seconds, pace.turns),
        growth=session.growth,
        hard_served=session.tally.hard_served,
        answered_by=keys.get(session.answered_by or ""),
        warm=tuple(
            WarmEndpoint(
                endpoint=keys[cache_id],
                tokens=prefix.tokens,
                age=draft.now - prefix.used_at,
                blocks=session.blocks - prefix.blocks,
                ttl=prefix.ttl,
                long_tokens=prefix.long_tokens,
                long_ttl=prefix.long_ttl,
                gaps=astuple(session.gaps.get(cache_id, Gaps())),
            )
            for cache_id, prefix in session.warm.items()
            if cache_id in keys
        ),
        arms=arms,
    )
