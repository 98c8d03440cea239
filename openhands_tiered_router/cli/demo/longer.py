"""A longer session than the demo's own, replayed: gains, losses, and what is unknown.

``tests/benchmarks/demo_session.py`` recorded it.
"""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Final

from openhands_tiered_router.cli.demo.models import configuration


_NOISE: Final = 1e-6
"""USD: less than that between two models is no gain and no loss."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Longer:
    """What a replay came to. Money in USD."""

    turns: int
    usd: float
    alone_usd: float
    """On the complex tier alone."""
    cheaper: int
    """Turns that cost less than on the complex tier alone."""
    gained_usd: float
    dearer: int
    lost_usd: float
    hard: int
    """Turns that did more than look, list or search."""
    hard_below: int
    """Of these, served by a weaker tier than complex."""


def replay_longer() -> Longer:
    """Replays the bundled session with the demo's models."""
    from openhands_tiered_router.config import parse_config, policy_of, tier_set
    from openhands_tiered_router.config.settings import rules_of
    from openhands_tiered_router.policy.engine import Engine
    from openhands_tiered_router.record.replay.costs import session_cost
    from openhands_tiered_router.record.replay.recordings import read_recordings
    from openhands_tiered_router.record.replay.run import replay

    text = configuration("http://127.0.0.1", Path(os.devnull))  # calls nobody
    config = parse_config(tomllib.loads(text), "demo")
    engine = Engine(tier_set(config), rules_of(config), policy_of(config))
    with as_file(files(__package__) / "session.jsonl.gz") as path:
        (session,) = read_recordings(path)
    turns = replay(engine, session)
    strong = engine.tiers.of(engine.tiers.serving(engine.policy.base_tier))[0]
    ours = session_cost(turns, [turn.served for turn in turns])
    alone = session_cost(turns, [strong] * len(turns))
    saved = [other - own for own, other in zip(ours, alone, strict=True)]
    gains = [usd for usd in saved if usd > _NOISE]
    losses = [-usd for usd in saved if usd < -_NOISE]
    return Longer(
        turns=len(turns),
        usd=sum(ours),
        alone_usd=sum(alone),
        cheaper=len(gains),
        gained_usd=sum(gains),
        dearer=len(losses),
        lost_usd=sum(losses),
        hard=sum(turn.hard for turn in turns),
        hard_below=sum(turn.hard and turn.served.tier < strong.tier for turn in turns),
    )
