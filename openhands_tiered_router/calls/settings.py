"""``[dispatch]`` and ``[breaker]``: how patiently calls are tried, and where."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from openhands_tiered_router.fields import Count, Number, Seconds, Section, fault


class DispatchSettings(Section):
    """How long a call may take, and when the next endpoint is tried."""

    attempt_timeout: Annotated[Count, Field(ge=1, le=86_400)] = 300
    """Seconds for one attempt, whole answer included: the SDK's own default, since
    a reasoning model may think for minutes before it says a word."""
    connect_timeout: Annotated[Number, Field(gt=0, le=300)] = 5.0
    """Seconds to open a connection; a host that is up does so in far less."""
    total_timeout: Seconds = 120.0
    """Seconds after which no further round of attempts begins: what the SDK's own
    five attempts with 8 to 64 s between them come to."""
    short_wait: Annotated[Number, Field(ge=0, le=3_600)] = 2.0
    """Seconds up to which a provider's ``Retry-After`` is waited for, rather than
    asking a dearer tier."""
    backoff_base: Seconds = 0.5
    """Seconds, at most, before the second round when every endpoint failed; twice as
    many before each further one, drawn between 0 and that (full jitter)."""
    backoff_max: Seconds = 16.0
    """Seconds that it rises to."""
    hang_timeout: Seconds = 30.0
    """Seconds of silence after which an endpoint counts as hanging, at least, while
    an equal of its tier is well; four times its own 95th percentile if that is more,
    and only once that is known. 0: never."""
    queue: Annotated[Count, Field(ge=0, le=100_000)] = 100
    """Calls that may wait for an endpoint's rate limit; further ones fail at once."""


class BreakerSettings(Section):
    """When calls stop going to an endpoint that fails, and when they go there again."""

    failures: Annotated[Count, Field(ge=1, le=1_000)] = 2
    """Consecutive failures that open it: each costs the call an attempt. One is
    enough where an attempt costs seconds: no connection, no answer in time."""
    cooldown: Seconds = 30.0
    """Seconds that an endpoint rests after failing, before one call probes it."""
    permanent_cooldown: Seconds = 300.0
    """The same after an error that waiting does not cure: key, credit, no model."""
    success_threshold: Annotated[Count, Field(ge=1, le=100)] = 1
    """Good probes in a row, one at a time, after which all calls go there again."""


type Backend = Literal["memory", "sqlite", "redis"]


class StateSettings(Section):
    """Where processes share what they count: budgets, breakers, limits.

    Holds no secret: the variable that ``url_env`` names may.
    """

    backend: Backend | None = None
    """memory (this process), sqlite (this machine) or redis (all machines). ``None``:
    memory, but SQLite for budgets, so that they survive a restart."""
    path: str | None = Field(default=None, min_length=1)
    """SQLite file; by default in the user's state directory."""
    url_env: str | None = Field(default=None, min_length=1)
    """Environment variable with the ``redis://`` or ``rediss://`` URL."""

    @model_validator(mode="after")
    def _check_place(self) -> Self:
        if self.backend == "redis" and self.url_env is None:
            remedy = 'Name the variable with the URL: url_env = "REDIS_URL"'
            raise fault("needs url_env for the redis backend", remedy)
        return self
