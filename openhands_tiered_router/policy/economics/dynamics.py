"""How turns follow each other: what is expected of the turns after the next.

A turn is seen as one of five outlooks: kept on the base tier by evidence, or by the
probability that it is mechanical. The chain between them, their outputs and times were
measured on recorded sessions by ``tiered-router calibrate`` and kept in
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
_SETTLED: Final = 50
"""Steps after which a chain of so few states has forgotten where it began."""


def outlook(p_mechanical: float, forced: bool = False) -> int:
    """Which outlook a turn of that probability is."""
    if forced:
        return FORCED
    return 1 + sum(p_mechanical > bound for bound in BOUNDS)


@dataclass(frozen=True, kw_only=True)
class TurnDynamics:
    """Measured behaviour of turns, by outlook."""

    next: tuple[tuple[float, ...], ...]
    """``next[a][b]``: probability that outlook ``b`` follows ``a``."""
    hard: tuple[float, ...]
    """Share of hard turns."""
    output: tuple[float, ...]
    """Mean tokens of the answer."""
    times: tuple[tuple[float, ...], ...]
    """Quantiles of the time of a turn, as multiples of the session's mean pace."""

    @cached_property
    def shares(self) -> tuple[float, ...]:
        """Of all turns, by outlook: where the chain settles."""
        shares = [1.0 / len(self.next)] * len(self.next)
        for _ in range(_SETTLED):
            columns = zip(*self.next, strict=True)
            shares = [
                sum(a * b for a, b in zip(shares, column, strict=True))
                for column in columns
            ]
        return tuple(shares)

    @cached_property
    def sorted_times(self) -> tuple[float, ...]:
        """All quantiles of a turn's time, in multiples of the pace."""
        return tuple(sorted(time for row in self.times for time in row))

    @cached_property
    def mean_time(self) -> float:
        """A turn's mean time in multiples of the pace."""
        return sum(self.sorted_times) / len(self.sorted_times)

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
        next=tuple(map(tuple, data["next"])),
        hard=tuple(data["hard"]),
        output=tuple(data["output"]),
        times=tuple(map(tuple, data["times"])),
    )
