"""What later turns are like: how many are hard, and how long answers are.

A turn is seen as one of five outlooks: kept on the base tier by evidence, or by the
probability that it is mechanical. How frequent each is, and what its turns are like,
was measured on recorded sessions by ``tiered-router calibrate`` and is kept in
``policy/difficulty/data/next_turn.json``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from typing import Any, Final


BOUNDS: Final = (0.0, 0.5, 0.8)
"""Upper ends of the probability for the outlooks hard, rather hard, and open; above is
mechanical. Finer ones change the replay by less than its error."""
FORCED: Final = 0
"""The outlook of a turn that evidence keeps on the base tier whatever it costs."""
OUTLOOKS: Final = len(BOUNDS) + 2


def outlook(p_mechanical: float, forced: bool = False) -> int:
    """Which outlook a turn of that probability is."""
    if forced:
        return FORCED
    return 1 + sum(p_mechanical > bound for bound in BOUNDS)


@dataclass(frozen=True, kw_only=True)
class TurnDynamics:
    """Measured behaviour of turns, by outlook."""

    shares: tuple[float, ...]
    """Of all turns."""
    hard: tuple[float, ...]
    """Share of hard turns."""
    output: tuple[float, ...]
    """Mean tokens of the answer."""

    @cached_property
    def mean_output(self) -> float:
        """Mean tokens of an answer."""
        pairs = zip(self.shares, self.output, strict=True)
        return sum(share * output for share, output in pairs)


@cache
def default_dynamics() -> TurnDynamics:
    """Those that come with the package."""
    text = files("openhands_tiered_router.policy.difficulty.data").joinpath(
        "next_turn.json"
    )
    return dynamics_of(json.loads(text.read_text(encoding="utf-8"))["dynamics"])


def dynamics_of(data: Mapping[str, Any]) -> TurnDynamics:
    """From the form that ``calibrate`` writes."""
    return TurnDynamics(
        shares=tuple(data["shares"]),
        hard=tuple(data["hard"]),
        output=tuple(data["output"]),
    )
