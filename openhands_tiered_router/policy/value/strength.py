"""How often each model solves a task alone, and what it spends on one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from openhands_tiered_router.tiers import Endpoint


class Work(StrEnum):
    """A kind of work. Models that are strong at one may be weak at another."""

    BUGS = "bugs"
    """Fixing reported bugs in an existing repository."""
    FRONTEND = "frontend"
    """The same where the report shows pictures of a user interface."""
    TESTS = "tests"
    """Writing tests that notice a reported bug."""
    APPS = "apps"
    """Writing a library or application from its specification."""
    RESEARCH = "research"
    """Gathering information and answering questions."""


@dataclass(frozen=True, slots=True)
class Strength:
    """What is known of one endpoint's model on one kind of work."""

    success: float
    """Share of tasks that it solves alone, in [0, 1]."""
    task_usd: float | None
    """Mean USD that it spends on a task alone; ``None``: not known."""
    source: str
    """Where the figures are from, in words for the user."""


def strengths_of(
    endpoints: Sequence[Endpoint], work: Work = Work.BUGS
) -> Mapping[str, Strength]:
    """What is known of each endpoint, by its key; one without figures is left out.

    Args:
        endpoints: The user's own figures on them go before all others.
        work: The kind of work that is to be done.
    """
    del work  # the user's figures are for the work that the user does
    return MappingProxyType(
        {
            e.key: Strength(e.success, e.task_usd, "configuration")
            for e in endpoints
            if e.success is not None
        }
    )
