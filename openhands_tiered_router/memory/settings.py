"""``[memory]``: what worked in a repository before."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from openhands_tiered_router.fields import Count, Section


class MemorySettings(Section):
    """What earlier conversations in the same repository learned; see docs/tokens.md."""

    enabled: bool = False
    """Keep commands that worked, what mended errors, and what users decided, and tell
    the next conversation in the repository. Off: it keeps words of users and models,
    and saves about as much as it costs. For a ``RoutedAgent``."""
    path: str | None = Field(default=None, min_length=1)
    """SQLite file; by default in the user's data directory."""
    days: Annotated[Count, Field(ge=1)] = 90
    """Days after it was last seen that an entry is removed: what worked a quarter of a
    year ago may not work now."""
