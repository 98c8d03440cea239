"""What another policy would have chosen where a turn was decided."""

from __future__ import annotations

from dataclasses import dataclass, replace

from openhands_tiered_router.policy.economics.lifetime import CacheLifetime
from openhands_tiered_router.policy.economics.rule import economics
from openhands_tiered_router.policy.engine import Draft, Engine
from openhands_tiered_router.policy.policy import Policy
from openhands_tiered_router.policy.request import Purpose, RoutingRequest
from openhands_tiered_router.policy.rules import capable, choose
from openhands_tiered_router.policy.situation import Situation
from openhands_tiered_router.record.calibrate.logs import LoggedTurn
from openhands_tiered_router.tiers import Tier, TierSet


@dataclass(frozen=True, slots=True)
class _Recorded:
    """Takes over what those rules had said."""

    situation: Situation

    def __call__(self, draft: Draft) -> Draft:
        floor, least = self.situation.floor, draft.policy.quality_floor
        if least is not None:
            floor = least if floor is None else max(floor, least)
        return replace(
            draft,
            p_mechanical=self.situation.p_mechanical,
            floor=floor,
            cap=self.situation.cap,
            pin=self.situation.pin,
        )


@dataclass(frozen=True, slots=True)
class Redecider:
    """Decides recorded turns by another policy.

    The probability that a turn is mechanical, floors, caps and pins stay as they were
    inferred then (``quality_floor`` may raise them); all health is taken to be well.
    """

    tiers: TierSet
    policy: Policy
    one_hour: bool = True

    def tier(self, turn: LoggedTurn) -> Tier:
        """The tier that this policy chooses for the turn."""
        situation = turn.situation
        request = RoutingRequest(
            session_id=turn.session,
            purpose=Purpose.TURN,
            prompt_tokens=situation.prompt_tokens,
            images=situation.images,
            needs_tools=situation.needs_tools,
        )
        cache_ids = {e.key: e.cache_id for e in self.tiers.endpoints}
        session = situation.session(cache_ids, turn.time)
        rules = (
            _Recorded(situation),
            capable,
            CacheLifetime(self.one_hour),
            economics,
            choose,
        )
        engine = Engine(self.tiers, rules, self.policy)
        return engine.decide(request, session, now=turn.time).tier
