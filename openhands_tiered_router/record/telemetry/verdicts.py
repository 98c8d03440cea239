"""How good the verifier is, by what people and CI said later."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from openhands_tiered_router.record.telemetry.opening import reading
from openhands_tiered_router.record.telemetry.records import VERIFIER


_Z: Final = 1.959964
"""Of a normal distribution's central 95 %."""


@dataclass(frozen=True, slots=True)
class Rate:
    """A share, with its 95 % interval after Wilson (1927)."""

    hits: int
    count: int

    @property
    def share(self) -> float | None:
        """``None``: there is nothing to take a share of."""
        return self.hits / self.count if self.count else None

    @property
    def interval(self) -> tuple[float, float]:
        if not self.count:
            return 0.0, 1.0
        share, square = self.hits / self.count, _Z * _Z / self.count
        centre = (share + square / 2) / (1 + square)
        spread = _Z * math.sqrt(
            share * (1 - share) / self.count + square / self.count / 4
        )
        half = spread / (1 + square)
        return max(centre - half, 0.0), min(centre + half, 1.0)


@dataclass(frozen=True, slots=True)
class AcceptRates:
    """The verifier's last verdict of each conversation against the last one of others.

    What it could not judge counts as not accepted.
    """

    true_accept: Rate
    """Of good work, the share that the verifier accepted."""
    false_accept: Rate
    """Of bad work, the share that the verifier accepted."""
    verified: int
    """Conversations with a verdict of the verifier."""
    accepted: int
    """Of these, those that it accepted."""


def accept_rates(path: Path) -> AcceptRates:
    """What the file tells of the verifier; a file that is missing tells nothing.

    Raises:
        TelemetryReadError: It cannot be read.
    """
    with reading(path) as connection:
        rows = [] if connection is None else connection.execute(_LAST, (VERIFIER,) * 2)
        pairs = [(bool(m), None if t is None else bool(t)) for m, t in rows]
    good = [mine for mine, theirs in pairs if theirs]
    bad = [mine for mine, theirs in pairs if theirs is not None and not theirs]
    return AcceptRates(
        true_accept=Rate(sum(good), len(good)),
        false_accept=Rate(sum(bad), len(bad)),
        verified=len(pairs),
        accepted=sum(mine for mine, _ in pairs),
    )


# SQLite takes the other columns of a group from the row that has its maximum.
_LAST: Final = """
    WITH mine AS (
        SELECT conversation, max(time), accepted FROM verdicts
        WHERE judge = ? GROUP BY conversation
    ), theirs AS (
        SELECT conversation, max(time), accepted FROM verdicts
        WHERE judge != ? AND accepted IS NOT NULL GROUP BY conversation
    )
    SELECT mine.accepted, theirs.accepted
    FROM mine LEFT JOIN theirs USING (conversation)
"""
