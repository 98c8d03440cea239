"""Where shared state is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


type Backend = Literal["memory", "sqlite", "redis"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StateSettings:
    """Which backend, and where. Holds no secret: a URL's password stays outside."""

    backend: Backend | None = None
    """``None``: memory, but SQLite for what must outlive the process (budgets)."""
    path: str | None = None
    """SQLite file; by default in the user's state directory."""
    url_env: str | None = None
    """Environment variable with the ``redis://`` or ``rediss://`` URL."""
