"""The settings that a policy can be given; the configuration's ``[policy]``."""

from __future__ import annotations

from dataclasses import dataclass

from openhands_tiered_router.tiers import Tier


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How decisions are made."""

    base_tier: Tier = Tier.COMPLEX
    """Serves hard turns. Where telemetry shows none better, the design's default."""
    mechanical_tier: Tier = Tier.SIMPLE
    """Serves turns that are expected to be mechanical."""
    side_tier: Tier = Tier.SIMPLE
    """Serves titles, summaries, condensation, hooks."""
    window_margin: float = 0.9
    """Share of a context window that the expected prompt may fill: the estimate of
    its size is some percent off, and the answer needs room."""
