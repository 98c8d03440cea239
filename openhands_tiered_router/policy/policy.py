"""``[policy]``: the settings that decisions are made by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, model_validator

from openhands_tiered_router.fields import (
    Amount,
    Number,
    Section,
    Share,
    TierName,
    Turns,
    fault,
)
from openhands_tiered_router.policy.difficulty.dimensions import NAMES
from openhands_tiered_router.policy.value.table import Work
from openhands_tiered_router.tiers import Tier


PROFILES: Final[Mapping[str, float]] = {
    "cost": 1.0,
    "balanced": 5.0,
    "quality": 20.0,
}
"""Named values of ``task_value``, USD: what an idle experiment, an ordinary change and
an urgent repair are worth; at 75 USD an hour, one, four and sixteen minutes."""

ELSEWHERE: Final[Mapping[str, str]] = {
    "base_tier": "default_tier at the top of the file",
    "catch_rate": "catch_rate in [verify]",
    "pass_rate": "pass_rate in [verify]",
}
"""Fields of ``Policy`` that a file says in another place."""


def _dimension(value: Any) -> str:
    if value in NAMES:
        return value
    remedy = f"Write one of {', '.join(NAMES)}"
    raise fault("is not a dimension of the task score", remedy)


def _profile(value: Any) -> str:
    if isinstance(value, str) and value in PROFILES:
        return value
    raise fault("is not a profile", f"Write one of {', '.join(PROFILES)}")


def _work(value: Any) -> Any:
    if isinstance(value, str) and value in set(Work):
        return value
    raise fault("is not a kind of work", f"Write one of {', '.join(Work)}")


class Policy(Section):
    """How a tier is chosen. Where the defaults come from: docs/decisions.md."""

    base_tier: TierName = Tier.COMPLEX
    """Tier to start with while nothing better is known: strong enough not to fail what
    it is given, at less than the strongest tier's price."""
    profile: Annotated[str, BeforeValidator(_profile)] = "balanced"
    """A name for ``task_value``: cost (1 USD), balanced (5) or quality (20)."""
    task_value: Amount = PROFILES["balanced"]
    """USD that a solved task is worth to you: every choice weighs it against the cost
    of tokens (docs/value.md). Overrides ``profile``."""
    work: Annotated[Work, BeforeValidator(_work)] = Work.BUGS
    """Kind of work that published success rates and costs are taken of."""
    mechanical_tier: TierName = Tier.SIMPLE
    """Tier for turns that are expected to be mechanical: search, read, list."""
    side_tier: TierName = Tier.SIMPLE
    """Tier for titles, summaries, condensation and hooks."""
    quality_floor: TierName | None = None
    """No turn of a conversation is served below it."""
    window_margin: Annotated[Number, Field(gt=0, le=1)] = 0.9
    """Share of a context window that the expected prompt may fill: the estimate of
    its size is some percent off, and the answer needs room."""
    failures_in_a_row: Turns = 2
    """Failed turns after which the base tier serves: after two, a third command
    fails in 33 % of cases, after one in 11 %."""
    repeats: Turns = 3
    """Equal actions with equal results among the last turns that raise the tier."""
    idle_turns: Turns = 30
    """Turns without an edit, a script or a test after which there is no progress.
    Judgement: long enough for a wide look around."""
    long_run_turns: Turns = 200
    """Turns on one request after which the base tier serves: more than any recorded
    session took. Sessions of one model differ less; set your own 95th percentile."""
    recovery_turns: Turns = 1
    """Turns without a failure after which a raised floor is let go."""
    risky_paths: tuple[str, ...] = ()
    """Globs, such as ``migrations/*``: work on these files gets ``risk_tier``."""
    risk_tier: TierName = Tier.COMPLEX
    """Floor for work on risky files."""
    graph_risk: Share = 0.8
    """Risk in [0, 1] that the code graph must see in the files at hand: in effect a
    hub that much depends on, or that no test reaches."""
    cache_look_back: Turns | None = None
    """Content blocks that providers search back for a cached prefix; set 20 where
    requests do not keep a breakpoint where each endpoint last ended."""
    catch_rate: Share = 0.0
    """Share of wrong work that the verifier rejects; 0 where nothing verifies."""
    pass_rate: Share = 1.0
    """Share of right work that the verifier accepts; 1 where nothing verifies."""
    dimension_weights: dict[Annotated[str, BeforeValidator(_dimension)], Amount] = (
        Field(default_factory=dict)
    )
    """Weights of the task score to use instead of the fitted ones, by dimension."""
    fitted: str | None = Field(default=None, min_length=1)
    """File that ``tiered-router calibrate --fitted`` has written: models and settings
    fitted to your own data. Keys of this table override it."""

    @model_validator(mode="before")
    @classmethod
    def _value_of_profile(cls, data: Any) -> Any:
        if not isinstance(data, dict) or "task_value" in data:
            return data
        profile = data.get("profile")
        named = PROFILES.get(profile) if isinstance(profile, str) else None
        return data if named is None else {**data, "task_value": named}
