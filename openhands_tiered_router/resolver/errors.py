"""What can go wrong around the agent's work."""

from __future__ import annotations


class ResolveError(Exception):
    """Says what cannot be used or done, and the remedy. Holds no secret."""


class UsageProblem(ResolveError):
    """What was asked for makes no sense, whatever is tried."""


class DeliveryError(ResolveError):
    """The work is done and kept, but could not be delivered."""
