"""What the engine may know of endpoints beyond their configuration."""

from __future__ import annotations

from enum import IntEnum
from typing import Protocol


class Health(IntEnum):
    """How far an endpoint can be trusted right now; higher is worse."""

    HEALTHY = 0
    BUSY = 1
    """At its rate limit: a call would have to wait."""
    SUSPECT = 2
    """Failed lately, but not often enough to be left out."""
    OPEN = 3
    """Its breaker is open: only as a last resort."""


class FleetView(Protocol):
    """A look at the state that conversations share. Must not block."""

    def health(self, endpoint: str, now: float) -> Health:
        """The endpoint's health at ``now``, epoch seconds."""
        ...


class AllHealthy:
    """A fleet about which nothing bad is known: replay, ``route``, tests."""

    def health(self, endpoint: str, now: float) -> Health:  # noqa: ARG002
        return Health.HEALTHY
