"""What a decision was made on, small enough to keep and to decide by again."""

from __future__ import annotations

from dataclasses import dataclass

from openhands_tiered_router.policy.caches import Gaps, WarmPrefix
from openhands_tiered_router.policy.session import SessionState, Turn
from openhands_tiered_router.policy.tally import Pace, Tally
from openhands_tiered_router.tiers import Tier


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmEndpoint:
    """What an endpoint's provider was expected to have cached."""

    endpoint: str
    tokens: int
    age: float
    """Seconds since the start of the last request to it."""
    blocks: int
    """Content blocks that came since."""
    ttl: float | None = None
    """Seconds that ``tokens`` live; ``None``: the endpoint's own."""
    long_tokens: int = 0
    long_ttl: float = 0.0
    gaps: tuple[int, float, float] = (0, 0.0, 0.0)
    """``Gaps`` of the requests to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """One turn of a conversation as the rules from ``caps`` on see it; no text.

    What was inferred before them (the probability, the floors) is kept as it was.
    """

    prompt_tokens: int
    images: int = 0
    needs_tools: bool = False
    p_mechanical: float | None = None
    floor: Tier | None = None
    cap: Tier | None = None
    pin: Tier | None = None
    opening: bool = False
    """Whether it is the first turn on a request."""
    pace: tuple[float, float, int] = (0.0, 0.0, 0)
    """``Pace.log_seconds``, ``total_seconds`` and ``turns``."""
    growth: float = 0.0
    hard_served: tuple[int, ...] = (0,) * len(Tier)
    answered_by: str | None = None
    """Endpoint that gave the answer before."""
    warm: tuple[WarmEndpoint, ...] = ()
    arms: tuple[tuple[Tier, float], ...] = ()
    """Tiers that could have been chosen, with their probabilities."""

    def session(self, cache_ids: dict[str, str], now: float) -> SessionState:
        """A session that the rules from ``caps`` on decide alike for.

        Args:
            cache_ids: ``Endpoint.cache_id`` by key; others are left out.
            now: Epoch seconds of the decision.
        """
        log_seconds, total_seconds, turns = self.pace
        return SessionState(
            recent=(Turn(actions=()),),
            turns=1,
            since_user=0 if self.opening else 1,
            pace=Pace(
                log_seconds=log_seconds, total_seconds=total_seconds, turns=turns
            ),
            growth=self.growth,
            tally=Tally(hard_served=self.hard_served),
            answered_by=cache_ids.get(self.answered_by or ""),
            blocks=max((w.blocks for w in self.warm), default=0),
            warm={
                cache_ids[w.endpoint]: WarmPrefix(
                    w.tokens,
                    now - w.age,
                    max(v.blocks for v in self.warm) - w.blocks,
                    w.ttl,
                    w.long_tokens,
                    w.long_ttl,
                )
                for w in self.warm
                if w.endpoint in cache_ids
            },
            gaps={
                cache_ids[w.endpoint]: Gaps(*w.gaps)
                for w in self.warm
                if w.endpoint in cache_ids
            },
        )
