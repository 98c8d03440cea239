"""``[state]``: where processes share what they count."""

from __future__ import annotations

from typing import Annotated, Any, Final, Self

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from openhands_tiered_router.calls.state.settings import Backend, StateSettings
from openhands_tiered_router.config.fields import Section


_BACKENDS: Final = ("memory", "sqlite", "redis")


def _backend(value: Any) -> Any:
    if value is None or value in _BACKENDS:
        return value
    remedy = f"Write one of {', '.join(_BACKENDS)}"
    raise PydanticCustomError("backend", "is no backend", {"remedy": remedy})


class StateConfig(Section):
    """Where processes share what they count: budgets, breakers, limits."""

    backend: Annotated[Backend | None, BeforeValidator(_backend)] = None
    """memory (this process), sqlite (this machine) or redis (all machines). Unset, it
    is memory, but budgets are in SQLite, so that they survive a restart."""
    path: str | None = Field(default=None, min_length=1)
    """SQLite file; by default in the user's data directory."""
    url_env: str | None = Field(default=None, min_length=1)
    """Environment variable with the Redis URL, which may hold a password."""

    @model_validator(mode="after")
    def _check_place(self) -> Self:
        if self.backend == "redis" and self.url_env is None:
            raise PydanticCustomError(
                "no_url",
                "needs url_env for the redis backend",
                {"remedy": 'Name the variable with the URL: url_env = "REDIS_URL"'},
            )
        return self

    def to_state(self) -> StateSettings:
        """What the router takes."""
        return StateSettings(**dict(self))
