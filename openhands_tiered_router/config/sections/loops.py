"""``[loops]``: when a run that gets nowhere is paused."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from openhands_tiered_router.config.fields import Count, Number, Section
from openhands_tiered_router.guards.loops.settings import LoopSettings


_DEFAULT: Final = LoopSettings()

Turns = Annotated[Count, Field(ge=1, le=1_000_000)]


class LoopsConfig(Section):
    """When a run that gets nowhere is paused for its user."""

    enabled: bool = _DEFAULT.enabled
    """Pause such runs; ``run()`` goes on."""
    failures: Annotated[Count, Field(ge=2, le=10_000)] = _DEFAULT.failures
    """Unexpected failures in a row that pause: far beyond bad luck."""
    repeats: Annotated[Count, Field(ge=2, le=20)] = _DEFAULT.repeats
    """How often the same actions with the same results, up to three in turn, come
    before a pause: twice the SDK's own limit, which wants equal thoughts too."""
    turns_per_run: Turns = _DEFAULT.turns_per_run
    """Turns on one request before a pause: twice the longest recorded session, and
    before the SDK's own 500, which end the run with an error."""
    turns_per_conversation: Turns | None = _DEFAULT.turns_per_conversation
    """Turns of a whole conversation before a pause; each review grants as many more."""
    runaway_turns: Turns | None = _DEFAULT.runaway_turns
    """Turns on one request that make it a runaway, which gets a stronger model for a
    few turns; by default learnt from the telemetry of finished conversations."""
    runaway_percentile: Annotated[Number, Field(gt=0, lt=1)] = (
        _DEFAULT.runaway_percentile
    )
    """Which percentile of those is taken: a model's own 90th to 95th pays for weak
    models."""
    learn_from: Annotated[Count, Field(ge=20, le=1_000_000)] = _DEFAULT.learn_from
    """Finished conversations of a model before its own percentile counts: of fewer,
    the 95th is little but their maximum."""

    def to_loops(self) -> LoopSettings:
        """What the guard takes."""
        return LoopSettings(**dict(self))
