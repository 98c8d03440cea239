"""What the engine decides, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from openhands_tiered_router.tiers import Tier


if TYPE_CHECKING:
    from openhands_tiered_router.policy.situation import Situation


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


@dataclass(frozen=True, slots=True, kw_only=True)
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
    warm_tokens: int = 0
    """Tokens of the prompt that its provider is expected to have cached."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Which endpoint serves a call, and why. Immutable."""

    tier: Tier
    """The tier that serves: the chosen endpoint's own."""
    endpoint: str
    fallbacks: tuple[str, ...] = ()
    """Endpoints to try next, in order: the same tier's, then the tiers above."""
    need: Tier
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
    cache_ttl: float | None = None
    """Seconds that the prompt should be cached for, where the provider sells a choice;
    ``None``: its default. Recommended when turns are slow."""
    propensity: float = 1.0
    """Probability with which the policy chooses this tier in this situation."""
    situation: Situation | None = None
    """What it was decided on; kept only while other tiers are tried."""
    policy: str = "rules"
    """Name and version of the policy, for later analysis."""


class ErrorKind(StrEnum):
    """Why a call to an endpoint failed, in classes that call for the same answer."""

    AUTH = "auth"
    """401 or 403: the key is missing or wrong; waiting does not help."""
    NOT_FOUND = "not_found"
    BAD_REQUEST = "bad_request"
    """The request is at fault, not the endpoint."""
    CONTEXT = "context"
    """The prompt is longer than the model's window."""
    CONTENT_POLICY = "content_policy"
    RATE_LIMIT = "rate_limit"
    QUOTA = "quota"
    """Out of credit: a 429 that waiting does not cure."""
    OVERLOADED = "overloaded"
    """500, 502, 503, 529: the provider's own trouble."""
    TIMEOUT = "timeout"
    CONNECTION = "connection"
    MALFORMED = "malformed"
    """The answer could not be read, or had no content."""
    CANCELLED = "cancelled"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one call. ``prompt`` includes the cached ones."""

    prompt: int = 0
    completion: int = 0
    cache_read: int = 0
    cache_write: int = 0
    reasoning: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One request to one endpoint."""

    endpoint: str
    error: ErrorKind | None
    """``None``: it answered."""
    seconds: float
    """From sending to the end of the answer or the error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a decision's call."""

    endpoint: str | None
    """The endpoint that answered; ``None``: none did."""
    attempts: tuple[Attempt, ...]
    usage: Usage = Usage()
    cost: float | None = None
    """USD as booked in the SDK's metrics; ``None``: the price is not known."""
    seconds: float = 0.0
    """Whole call, failover and waiting included."""
    first_token_seconds: float | None = None
    """To the first streamed chunk; ``None``: not streamed."""
    response_id: str | None = None
