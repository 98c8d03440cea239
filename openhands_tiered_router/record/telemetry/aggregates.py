"""Sums over decisions, by what they have in common: computed by SQLite."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from openhands_tiered_router.policy.outcome import Usage
from openhands_tiered_router.record.telemetry.query import TelemetryFile
from openhands_tiered_router.record.telemetry.turns import usage_of


type By = Literal[
    "tier", "endpoint", "model", "day", "purpose", "conversation", "provision"
]

EXPRESSIONS: Final[dict[By, str]] = {
    "tier": "coalesce(served_tier, tier)",
    "endpoint": "coalesce(served_endpoint, endpoint)",
    "model": "coalesce(served_model, model)",
    "day": "CAST(floor(time / 86400) AS INTEGER)",
    "purpose": "purpose",
    "conversation": "conversation",
    "provision": "iif(judged < 0, 0, judged & 3)",
}
"""What rows are told apart by. Days are those of UTC."""

_TIERS: Final = ("simple", "medium", "complex", "reasoning")
_PROVISIONS: Final = (None, "right", "over", "under")


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Sums over decisions that are alike in ``key``."""

    key: tuple[str | int | None, ...]
    """One value for each of ``by``: names; for days ``YYYY-MM-DD``; for conversations
    the id, empty where it was not known."""
    calls: int
    answered: int
    failed: int
    """Calls that no endpoint answered."""
    failovers: int
    """Answered calls that took more than one request."""
    unpriced: int
    """Answered calls whose cost is not known: ``cost`` lacks them."""
    cost: float
    """USD."""
    usage: Usage
    overhead_us: float
    """Microseconds in sum."""
    moved: int
    held: int
    hard: int
    leaked: int
    """Hard turns that a tier served which is weaker than what it was weighed against,
    so that a stronger one could have been had."""
    quality: float | None
    """Mean of those that were judged; ``None``: none was."""
    assessed: int


def groups(
    file: TelemetryFile,
    by: Sequence[By],
    since: float = 0.0,
    until: float = math.inf,
) -> list[Group]:
    """Sums, in order of the key. Tier, endpoint and model are those that served.

    Args:
        file: Where from.
        by: What tells groups apart; none: all decisions are one group.
        since: Seconds since the epoch, included.
        until: Seconds since the epoch, not included.

    Raises:
        TelemetryReadError: It cannot be read.
    """
    with file.reading() as connection:
        if connection is None:
            return []
        keys = ", ".join(f"{EXPRESSIONS[b]} AS by_{b}" for b in by)
        order = ", ".join(f"by_{b}" for b in by)
        sql = f"SELECT {keys + ',' if by else ''} {_SUMS} FROM decision_rows {_WHERE}"
        sql += f" GROUP BY {order} ORDER BY {order}" if by else ""
        stronger = _above(connection)
        values = {"since": since, "until": until}
        rows = connection.execute(sql.format(stronger=stronger), values).fetchall()
        shown = Keys(connection, by)
        return [_group(r, shown) for r in rows if r["calls"]]


class Keys:
    """Turns the numbers that SQL groups by into what they stand for."""

    def __init__(
        self, connection: sqlite3.Connection | None, by: Sequence[By] = ()
    ) -> None:
        self._by = by
        self.names: dict[int, str] = {}
        self._conversations: dict[int, str] = {}
        if connection is None:
            return
        names = connection.execute("SELECT key, name FROM names")
        self.names = dict(names.fetchall())
        if "conversation" in by:
            rows = connection.execute("SELECT key, id FROM conversations")
            self._conversations = dict(rows.fetchall())

    def of(self, row: sqlite3.Row) -> tuple[str | int | None, ...]:
        return self.shown(self._by, [row[f"by_{b}"] for b in self._by])

    def shown(
        self, by: Sequence[By], values: Sequence[int | None]
    ) -> tuple[str | int | None, ...]:
        return tuple(map(self._shown, by, values))

    def _shown(self, by: By, value: int | None) -> str | int | None:
        if value is None:
            return None
        match by:
            case "tier":
                return _TIERS[value]
            case "provision":
                return _PROVISIONS[value]
            case "day":
                return _date(value)
            case "conversation":
                return self._conversations.get(value)
        return self.names.get(value)


def _date(day: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(day * 86_400, UTC).date().isoformat()


def _above(connection: sqlite3.Connection) -> str:
    """SQL for whether what was weighed is stronger than what served."""
    keys: dict[str, list[str]] = {t: [] for t in _TIERS}
    for key, name in connection.execute("SELECT key, name FROM names"):
        if (tier := name.partition("/")[0]) in keys:
            keys[tier].append(str(key))
    cases = " OR ".join(
        f"(served_tier < {level} AND weighed IN ({', '.join(keys[tier])}))"
        for level, tier in enumerate(_TIERS)
    )
    return f"({cases})"


def _group(row: sqlite3.Row, keys: Keys) -> Group:
    sums = {name: row[name] for name in _NAMES}
    return Group(key=keys.of(row), usage=usage_of(row), **sums)


_NAMES: Final = (
    "calls",
    "answered",
    "failed",
    "failovers",
    "unpriced",
    "cost",
    "overhead_us",
    "moved",
    "held",
    "hard",
    "leaked",
    "quality",
    "assessed",
)

_WHERE: Final = "WHERE time >= :since AND time < :until"

_SUMS: Final = """
    count(*) AS calls,
    coalesce(sum(answered = 1), 0) AS answered,
    coalesce(sum(answered = 0), 0) AS failed,
    coalesce(sum(answered = 1 AND attempts IS NOT NULL
        AND json_array_length(attempts) > 1), 0) AS failovers,
    coalesce(sum(answered = 1 AND cost IS NULL), 0) AS unpriced,
    total(cost) AS cost,
    total(overhead_us) AS overhead_us,
    coalesce(sum(moved = 1), 0) AS moved,
    coalesce(sum(moved = 0), 0) AS held,
    coalesce(sum(hard = 1), 0) AS hard,
    coalesce(sum(hard = 1 AND {stronger}), 0) AS leaked,
    avg(nullif(quality, -1)) AS quality,
    count(nullif(quality, -1)) AS assessed,
    coalesce(sum(prompt_tokens), 0) AS prompt_tokens,
    coalesce(sum(completion_tokens), 0) AS completion_tokens,
    coalesce(sum(cache_read_tokens), 0) AS cache_read_tokens,
    coalesce(sum(cache_write_tokens), 0) AS cache_write_tokens,
    coalesce(sum(reasoning_tokens), 0) AS reasoning_tokens
"""
