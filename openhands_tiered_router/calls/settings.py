"""How patiently calls are tried."""

from __future__ import annotations

from dataclasses import dataclass, field

from openhands_tiered_router.calls.health.breaker import BreakerSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatchSettings:
    """How often, how long and where a call is tried."""

    attempt_timeout: int = 300
    """Seconds that one endpoint may take for an answer: the SDK's own default."""
    connect_timeout: float = 5.0
    """Seconds to open a connection."""
    patience: float = 120.0
    """Seconds after which no further round of attempts begins: what the SDK's own
    five attempts with 8 to 64 s between them come to."""
    short_wait: float = 2.0
    """A ``Retry-After`` of up to so many seconds is waited for rather than answered
    by a dearer tier."""
    backoff_base: float = 0.5
    backoff_max: float = 16.0
    """Seconds between rounds, when every endpoint failed: doubled each time from
    ``backoff_base``, with full jitter."""
    hang_timeout: float = 30.0
    """Least seconds before an endpoint counts as hanging, while an equal of its tier
    is well; 0: never, short of ``attempt_timeout``."""
    queue: int = 100
    """Calls that may wait for an endpoint's rate limit; further ones fail at once."""
    rate_headers: bool = True
    """Keep to what rate-limit headers say is left."""
    slow_rest: float = 300.0
    """Seconds for which equals of an endpoint that became too slow are preferred."""
    breaker: BreakerSettings = field(default_factory=BreakerSettings)
