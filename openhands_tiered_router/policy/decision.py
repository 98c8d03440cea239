"""What the engine decides, with everything that led to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from openhands_tiered_router.tiers import Tier


_BESIDE: Final = frozenset({"cache", "task_score"})
"""Rules whose word is not about the tier of a turn."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One step of the way to a decision: which rule spoke, and what it said."""

    rule: str
    text: str


@dataclass(frozen=True, slots=True)
class Dimension:
    """One named signal of a task's complexity."""

    name: str
    value: float
    """In [0, 1]; higher is more complex."""
    weight: float
    evidence: str
    """What was seen, for ``explain``: counts and names, never the user's text."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One endpoint as the decision saw it."""

    endpoint: str
    tier: Tier
    excluded: str | None = None
    """Why it may not serve the call; ``None``: it may."""
    cost_now: float | None = None
    """Expected cost of this call, USD; ``None``: a price is not known."""
    cost_return: float | None = None
    """Expected extra cost, USD, that choosing it causes on later calls."""
    loss: float | None = None
    """Success at risk with this endpoint's tier, USD; ``None``: not weighed."""
    warm_tokens: int = 0
    """Tokens of the prompt that its provider is expected to have cached."""
    cache_ttl: float | None = None
    """Seconds for which what the call writes to its cache is bought; ``None``: the
    endpoint's own."""

    @property
    def total(self) -> float | None:
        """What endpoints are compared by, USD; ``None``: a part is not known."""
        if self.cost_now is None or self.cost_return is None or self.loss is None:
            return None
        return self.cost_now + self.cost_return + self.loss


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Which endpoint serves a call, and why. Immutable."""

    tier: Tier
    """The tier that serves: the chosen endpoint's own."""
    endpoint: str
    fallbacks: tuple[str, ...] = ()
    """Endpoints to try next, in order: the same tier's, then the tiers above."""
    required: Tier
    """The weakest tier that was judged good enough, before floors and caps."""
    floor: Tier | None = None
    cap: Tier | None = None
    pinned: bool = False
    score: float = 0.0
    """The task's complexity in [0, 1]."""
    p_mechanical: float | None = None
    """P(the coming turn is mechanical); ``None``: not estimated."""
    candidates: tuple[Candidate, ...] = ()
    reasons: tuple[Reason, ...] = ()
    dimensions: tuple[Dimension, ...] = ()
    way: tuple[Tier, ...] = ()
    """Tiers in the order in which the task would be tried from here, each after the
    work of the one before was rejected; empty: success rates are not known."""
    not_worth: str = ""
    """Why no further try after a rejection is expected to be worth its cost, in words
    for the user; "": one is, or it is not known."""
    policy: str = "rules"
    """Name and version of the policy, for later analysis."""

    @property
    def why(self) -> str:
        """What settled the tier, in a few words; "": no reason was recorded."""
        said = {reason.rule: reason.text for reason in self.reasons}
        settled = ["choose"]
        if self.tier == self.cap:
            settled.append("caps")
        if self.pinned:
            settled.append("pins")
        if self.tier == self.floor:
            settled += ["risk", "escalation", "floors"]
        found = next((said[rule] for rule in settled if rule in said), None)
        if found is not None:
            return found
        # Neither a bought lifetime nor a score alone chose the tier.
        others = [t for rule, t in said.items() if rule not in _BESIDE]
        return next(reversed(others), next(reversed(said.values()), ""))

    @property
    def cache_ttl(self) -> float | None:
        """The chosen endpoint's: see ``Candidate.cache_ttl``."""
        return self.lifetime(self.endpoint)

    def lifetime(self, endpoint: str) -> float | None:
        """``Candidate.cache_ttl`` of that endpoint."""
        found = (c.cache_ttl for c in self.candidates if c.endpoint == endpoint)
        return next(found, None)
