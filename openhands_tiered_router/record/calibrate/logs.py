"""Turns on record that say with what odds they were decided."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from openhands_tiered_router.policy.situation import Situation
from openhands_tiered_router.record.telemetry.schema import (
    MIGRATIONS,
    UnusableFile,
    version_of,
)
from openhands_tiered_router.record.telemetry.situations import decode_situation
from openhands_tiered_router.tiers import Tier


_MAGIC: Final = b"SQLite format 3\0"


class LogError(ValueError):
    """A telemetry file that nothing can be learned from; says why and what to do."""


class ThinLogError(LogError):
    """A sound file that holds no turn to learn from yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedTurn:
    """One turn of an agent, what it was decided on, and what came of it."""

    session: str
    time: float
    """Epoch seconds of the decision."""
    tier: Tier
    """Decided, whatever served in the end."""
    model: str | None
    situation: Situation
    cost: float | None
    """USD; ``None``: the price is not known."""
    clean: bool | None
    """Whether no tool call of it failed; ``None``: none ran."""
    verified: bool | None
    """The session's last verdict; ``None``: there is none."""

    @property
    def odds(self) -> dict[Tier, float]:
        """Probability of each tier that could have been chosen."""
        return dict(self.situation.arms)

    @property
    def base(self) -> Tier:
        """The tier that the policy preferred: the first of the odds."""
        return self.situation.arms[0][0]


def is_telemetry(path: Path) -> bool:
    """Whether a file is an SQLite file."""
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


def read_turns(path: Path) -> list[LoggedTurn]:
    """The turns that were decided while exploration was on.

    Raises:
        ThinLogError: The file holds no such turn.
        LogError: It cannot be read.
    """
    uri = f"{path.absolute().as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(uri, uri=True)) as connection:
            if version_of(connection) < len(MIGRATIONS):
                raise ThinLogError(f"{path}: holds no decisions of this release yet")
            rows = connection.execute(_TURNS).fetchall()
            verdicts = dict(connection.execute(_VERDICTS).fetchall())
    except (sqlite3.Error, UnusableFile) as error:
        raise LogError(f"{path}: cannot be read: {error}") from None
    turns = [t for row in rows if (t := _turn(row, verdicts)) is not None]
    if not turns:
        raise ThinLogError(
            f"{path}: no turn was decided with another tier possible; set share in "
            "[explore], such as 0.1, and let the agent work for a while"
        )
    return turns


def _turn(row: Sequence, verdicts: dict[int, int]) -> LoggedTurn | None:
    key, name, time, tier, model, cost, answered, failed, situation = row
    try:
        decoded = decode_situation(situation)
        decided = Tier.parse(tier)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None  # written by another release
    verdict = verdicts.get(key)
    return LoggedTurn(
        session=name,
        time=time,
        tier=decided,
        model=model,
        situation=decoded,
        cost=cost if answered else 0.0,
        clean=None if failed is None else not failed,
        verified=None if verdict is None else bool(verdict),
    )


_TURNS: Final = """
    SELECT c.key, c.id, d.time, d.tier, d.model, d.cost, d.answered,
        (SELECT max(failed) FROM tool_results t
         WHERE t.conversation = c.key AND t.response = d.response),
        s.situation
    FROM situations s
    JOIN decisions d ON d.key = s.decision
    JOIN conversations c ON c.key = d.conversation
    WHERE d.answered IS NOT NULL AND d.tier IS NOT NULL
    ORDER BY c.key, d.time
"""

_VERDICTS: Final = """
    SELECT conversation, accepted FROM verdicts v
    WHERE accepted IS NOT NULL AND time = (
        SELECT max(time) FROM verdicts
        WHERE conversation = v.conversation AND accepted IS NOT NULL
    )
"""
