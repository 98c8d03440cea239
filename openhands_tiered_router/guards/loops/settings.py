"""``[loops]``: when a run that gets nowhere is paused for its user."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from openhands_tiered_router.fields import Count, Number, Section, Turns


class LoopSettings(Section):
    """Limits of the loop guard; see docs/loops.md."""

    enabled: bool = True
    """Pause such runs; ``run()`` goes on."""
    failures: Annotated[Count, Field(ge=2, le=10_000)] = 15
    """Unexpected failures in a row that pause. Judgement: far beyond bad luck, as a
    command fails in a third of cases after two failures (docs/decisions.md)."""
    repeats: Annotated[Count, Field(ge=2, le=20)] = 8
    """How often the same actions with the same results, up to three in turn, come
    before a pause. Twice the SDK's own limit, which wants equal thoughts too."""
    turns_per_run: Turns = 400
    """Turns on one request before a pause: twice the longest recorded session, and
    before the SDK's own 500, which end the run with an error."""
    turns_per_conversation: Turns | None = None
    """Turns of a whole conversation before a pause; each review grants as many more."""
    runaway_turns: Turns | None = None
    """Turns on one request that make it a runaway, which gets a stronger model for a
    few turns; ``None``: learnt from the telemetry of finished conversations."""
    runaway_percentile: Annotated[Number, Field(gt=0, lt=1)] = 0.95
    """Which percentile of those is taken: a guard at a model's own 90th to 95th pays
    for weak models, by 1 to 3 points of tasks solved."""
    learn_from: Annotated[Count, Field(ge=20, le=1_000_000)] = 50
    """Finished conversations of a model before its own percentile counts: of fewer, the
    95th is little but their maximum."""
