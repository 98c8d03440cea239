"""When a conversation is held for its user; the configuration's ``[loops]``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopSettings:
    """Limits of the loop guard."""

    enabled: bool = True
    failures: int = 15
    """Unexpected failures in a row that pause. Judgement: far beyond bad luck, as a
    command fails in a third of cases after two failures (docs/decisions.md)."""
    repeats: int = 8
    """How often the same actions with the same results, up to three in turn, come
    before a pause. Twice the SDK's own limit, which wants equal thoughts too."""
    turns_per_run: int = 400
    """Turns on one request before a pause: twice the longest recorded session, and
    before the SDK's own 500, which end the run with an error."""
    turns_per_conversation: int | None = None
    """Turns of a whole conversation before a pause; each review grants as many more."""
    runaway_turns: int | None = None
    """Turns on one request from which it is a runaway; ``None``: learnt from the
    telemetry of finished conversations."""
    runaway_percentile: float = 0.95
    """Which percentile of those is taken: a guard at a model's own 90th to 95th pays
    for weak models, by 1 to 3 points of tasks solved."""
    learn_from: int = 50
    """Finished conversations of a model before its own percentile counts: of fewer, the
    95th is little but their maximum."""
