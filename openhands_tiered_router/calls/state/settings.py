"""``[state]``: where processes share what they count."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from openhands_tiered_router.fields import Section, fault


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
