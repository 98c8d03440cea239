"""``[breaker]``: when calls stop going to an endpoint that fails."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from openhands_tiered_router.calls.health.transitions import BreakerSettings
from openhands_tiered_router.config.fields import Count, Number, Section


_DEFAULT: Final = BreakerSettings()

Seconds = Annotated[Number, Field(ge=0, le=86_400)]


class BreakerConfig(Section):
    """When calls stop going to an endpoint that fails, and when they go there again."""

    failures: Annotated[Count, Field(ge=1, le=1_000)] = _DEFAULT.failures
    """Consecutive failures that open it: each costs the call an attempt. One is
    enough where an attempt costs seconds: no connection, no answer in time."""
    threshold: Annotated[Number, Field(gt=0, le=1)] = _DEFAULT.threshold
    """Share of failed calls within ``window`` that opens it too."""
    min_calls: Annotated[Count, Field(ge=1, le=100_000)] = _DEFAULT.min_calls
    """Calls within ``window`` from which that share counts."""
    window: Annotated[Number, Field(ge=1, le=3_600)] = _DEFAULT.window
    """Seconds over which that share is taken."""
    cooldown: Seconds = _DEFAULT.cooldown
    """Seconds that an endpoint rests after failing, before one call probes it."""
    permanent_cooldown: Seconds = _DEFAULT.permanent_cooldown
    """The same after an error that waiting does not cure: key, credit, no model."""
    success_threshold: Annotated[Count, Field(ge=1, le=100)] = (
        _DEFAULT.success_threshold
    )
    """Good probes in a row, one at a time, after which all calls go there again."""

    def to_breaker(self, attempt_timeout: float) -> BreakerSettings:
        """What the breakers take. A probe that takes longer than two attempts, in
        seconds, counts as lost."""
        return BreakerSettings(**dict(self), probe_lease=2 * attempt_timeout)
