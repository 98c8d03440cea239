"""How good the verifier is, by what people and CI said later."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from openhands_tiered_router.record.telemetry.opening import (
    TelemetryReadError,
    path_from,
    reading,
)
from openhands_tiered_router.record.telemetry.records import AGENT_TURN, VERIFIER
from openhands_tiered_router.record.telemetry.settings import TelemetrySettings
from openhands_tiered_router.tiers import Endpoint


logger = logging.getLogger(__name__)

ALONE: Final = 0.9
"""Share of a conversation's turns from which a model is taken to have done it alone:
that leaves room for a failover or two."""

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
        share = self.share
        return (0.0, 1.0) if share is None else wilson(share, self.count)


def wilson(share: float, count: int) -> tuple[float, float]:
    """The 95 % score interval of a share of one or more cases (Wilson, 1927)."""
    square = _Z * _Z / count
    centre = (share + square / 2) / (1 + square)
    spread = _Z * math.sqrt(share * (1 - share) / count + square / count / 4)
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


def verdicts_by_model(path: Path) -> dict[str, tuple[int, int]]:
    """Tasks that people and CI found solved, and not, by litellm model string.

    The last word on a conversation counts, for the model that answered nine in ten
    of its turns or more: what several models did together tells of none of them.

    Raises:
        TelemetryReadError: It cannot be read.
    """
    with reading(path) as connection:
        if connection is None:
            return {}
        rows = connection.execute(_BY_MODEL, (VERIFIER, AGENT_TURN, ALONE))
        return {m: (int(solved), int(count - solved)) for m, solved, count in rows}


def moved_by_verdicts(
    endpoints: Sequence[Endpoint], telemetry: TelemetrySettings
) -> tuple[Endpoint, ...]:
    """The endpoints with what people and CI said of each model's work.

    Reads the telemetry file. One that cannot be read is warned of, and moves nothing.
    """
    path = (telemetry.path or path_from(os.environ)) if telemetry.enabled else None
    if path is None:
        return tuple(endpoints)
    try:
        found = verdicts_by_model(Path(path))
    except TelemetryReadError as error:
        logger.warning("verdicts do not move success rates: %s", error)
        return tuple(endpoints)
    return tuple(replace(e, verdicts=found.get(e.model, e.verdicts)) for e in endpoints)


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

_BY_MODEL: Final = """
    WITH last AS (
        SELECT conversation, max(time), accepted FROM verdicts
        WHERE judge != ? AND accepted IS NOT NULL GROUP BY conversation
    ), served AS (
        SELECT conversation, served_model AS model, count(*) AS turns,
            sum(count(*)) OVER (PARTITION BY conversation) AS whole
        FROM decisions JOIN last USING (conversation)
        WHERE purpose = ? AND served_model IS NOT NULL
        GROUP BY conversation, served_model
    )
    SELECT model, sum(accepted), count(*)
    FROM served JOIN last USING (conversation)
    WHERE turns >= ? * whole
    GROUP BY model
"""
