"""Sums and percentiles over calls; the sums by SQL.

Conversations that have not changed since they were judged have their sums in the table
``summaries``; those that have, and those that the report's time cuts through, are added
up from ``decisions`` by the same expressions.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import msgspec


DAY: Final = 86_400
"""Seconds. Days are those of UTC."""

TIERS: Final = ("simple", "medium", "complex", "reasoning")

KEYS: Final[Mapping[str, str]] = {
    "tier_set": "tier_set",
    "day": f"CAST(time / {DAY} AS INTEGER)",
    "tier": "coalesce(served_tier, tier)",
    "endpoint": "coalesce(served_endpoint, endpoint)",
    "model": "coalesce(served_model, model)",
    "provision": "provision",
}
"""What calls are grouped by. Tier, endpoint and model are those that served."""


def _count(condition: str) -> str:
    return f"count(*) FILTER (WHERE {condition})"


def _sum(column: str, condition: str = "1") -> str:
    return f"coalesce(sum({column}) FILTER (WHERE {condition}), 0)"


_COMPARED: Final = (
    "purpose = 'agent' AND answered = 1 AND cost IS NOT NULL"
    " AND alone_simple IS NOT NULL"
)
"""Turns of which it is known what they cost, and what they would have cost."""

_UNDER: Final = "hard = 1 AND signs LIKE '%under_routed%'"

_CHEAPER: Final = "moved = 0 AND weighed_now < estimated_now"

_GAIN: Final = "weighed_now + weighed_return - estimated_now - estimated_return"


def _level(column: str) -> str:
    cases = " ".join(f"WHEN '{t}' THEN {n}" for n, t in enumerate(TIERS))
    return f"CASE {column} {cases} END"


_STRONGER: Final = f"max({_level('tier')}, {_level('weighed_tier')})"
"""SQLite's ``max`` of two is NULL where nothing was weighed."""

SUMS: Final[Mapping[str, str]] = {
    "calls": "count(*)",
    "answered": _count("answered = 1"),
    "failed": _count("answered = 0"),
    "failovers": _count("answered = 1 AND requests > 1"),
    "unpriced": _count("answered = 1 AND cost IS NULL"),
    "cost": _sum("cost"),
    "prompt_tokens": _sum("prompt_tokens"),
    "completion_tokens": _sum("completion_tokens"),
    "cache_read_tokens": _sum("cache_read_tokens"),
    "cache_write_tokens": _sum("cache_write_tokens"),
    "reasoning_tokens": _sum("reasoning_tokens"),
    "turns": _count("purpose = 'agent' AND answered = 1"),
    "moved": _count("moved = 1"),
    "held": _count("moved = 0"),
    "hard": _count("hard = 1"),
    "under_routed": _count(_UNDER),
    "compared": _count(_COMPARED),
    "compared_usd": _sum("cost", _COMPARED),
    **{f"alone_{t}": _sum(f"alone_{t}", _COMPARED) for t in TIERS},
    # The stronger side of each choice that was weighed.
    **{f"base_{t}": _count(f"{_STRONGER} = {n}") for n, t in enumerate(TIERS)},
    "hour_paid": _sum("hour_paid"),
    "hour_saved": _sum("hour_saved"),
    "spared_results": _sum("spared_results"),
    "spared_schemas": _sum("spared_schemas"),
    "spared_usd": _sum("spared_usd"),
    "rewrite_usd": _sum("rewrite_usd", "moved = 1"),
    "held_gain": _sum(_GAIN, _CHEAPER),
    "carried_held": _sum("carried", "moved = 0"),
    "read_held": _sum("cache_read_tokens", "moved = 0 AND carried > 0"),
}
"""Name of each sum, and the SQL that makes it of ``decisions``. A new one needs a line
here and a place in the report."""

MISROUTED: Final = "provision IN ('over', 'under')"
"""Turns that got a stronger tier than they needed, or one too weak for them."""


@dataclass(frozen=True, slots=True)
class Group:
    """Calls that are alike in ``key``; ``group["cost"]`` is a sum of theirs."""

    key: tuple[str | None, ...]
    sums: Mapping[str, float]

    def __getitem__(self, name: str) -> float:
        return self.sums[name]


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Which calls a report is about."""

    since: float = 0.0
    """Seconds since the epoch, included."""
    until: float = float("inf")
    """Seconds since the epoch, not included."""
    conversation: int | None = None
    """Key of the only conversation; ``None``: all."""

    def values(self) -> dict[str, float | int | None]:
        """Parameters of SQL."""
        return {"since": self.since, "until": self.until, "only": self.conversation}

    def where(self, alias: str = "") -> str:
        """SQL for calls in it."""
        one = "" if self.conversation is None else f" AND {alias}conversation = :only"
        return f"{alias}time >= :since AND {alias}time < :until{one}"


class Sums:
    """The calls of a span, gathered once in a temporary table of the connection."""

    def __init__(self, connection: sqlite3.Connection, span: Span) -> None:
        self._connection = connection
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute("DROP TABLE IF EXISTS temp.cells")
        one = "" if span.conversation is None else "AND c.key = :only"
        whole = "NOT c.stale AND c.first >= :since AND c.last < :until"
        sql = f"""
            CREATE TEMP TABLE cells AS
            SELECT s.* FROM conversations c JOIN summaries s ON s.conversation = c.key
            WHERE c.last >= :since AND {whole} {one}
            UNION ALL
            {
            _select(f'''
                conversation IN (
                    SELECT c.key FROM conversations c
                    WHERE c.last >= :since AND NOT ({whole}) {one}
                ) AND time >= :since AND time < :until
            ''')
        }
        """
        connection.execute(sql, span.values())

    def by(self, *keys: str, sums: Sequence[str] = tuple(SUMS)) -> tuple[Group, ...]:
        """Sums over all calls that are alike in these ``KEYS``, in order of them.

        Args:
            keys: Or ``conversation``, for its key.
            sums: Names of those that are wanted; of many groups, few are quicker.
        """
        wanted = ", ".join(f"coalesce(sum({name}), 0)" for name in sums)
        shown = ", ".join(keys)
        group = f"GROUP BY {shown} ORDER BY {shown}" if keys else ""
        sql = f"SELECT {wanted}{', ' if keys else ''}{shown} FROM cells {group}"
        cursor = self._connection.cursor()
        cursor.row_factory = None
        return tuple(
            Group(
                tuple(map(_shown, keys, row[len(sums) :])),
                dict(zip(sums, row, strict=False)),
            )
            for row in cursor.execute(sql)
        )

    def whole(self) -> Group:
        """Over all calls."""
        (found,) = self.by()
        return found

    def tier_sets(self) -> list[int]:
        """Keys of the tier sets of compared turns, the latest first."""
        rows = self._connection.execute(
            "SELECT tier_set FROM cells WHERE compared AND tier_set IS NOT NULL"
            " GROUP BY tier_set ORDER BY max(day) DESC, tier_set DESC"
        )
        return [key for (key,) in rows]


def _shown(key: str, value: str | int | None) -> str | None:
    if key == "day" and isinstance(value, int):
        return datetime.fromtimestamp(value * DAY, UTC).date().isoformat()
    return value if value is None else str(value)


def _select(where: str) -> str:
    """SQL that adds up ``decisions``, a row for each cell of ``summaries``."""
    keys = ", ".join(f"{sql} AS {name}_" for name, sql in KEYS.items())
    sums = ", ".join(f"{sql} AS {name}_" for name, sql in SUMS.items())
    group = ", ".join(f"{name}_" for name in KEYS)
    return (
        f"SELECT conversation, {keys}, {sums} FROM decisions WHERE {where}"
        f" GROUP BY conversation, {group}"
    )


_INSERT: Final = f"INSERT INTO summaries {_select('conversation = :key')}"


def summarise(connection: sqlite3.Connection, conversation: int) -> None:
    """Keeps a conversation's sums, within the caller's transaction."""
    values = {"key": conversation}
    connection.execute("DELETE FROM summaries WHERE conversation = :key", values)
    connection.execute(_INSERT, values)


MEASURES: Final = ("first_token_seconds", "seconds", "overhead_us")
"""Seconds to the first token (streamed answers only); seconds of the whole call,
waiting and failover included; the decision's microseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Percentiles:
    """Of an endpoint's answered calls; exact, by nearest rank: each is a value that was
    measured."""

    measure: str
    """Of ``MEASURES``."""
    endpoint: str | None
    count: int
    p50: float
    p95: float
    p99: float


def percentiles(connection: sqlite3.Connection, span: Span) -> tuple[Percentiles, ...]:
    """Percentiles of answered calls, by measure and endpoint.

    Args:
        connection: Open for reading.
        span: Which calls.
    """
    # As JSON, because a row each would take Python twice the time.
    found = [f"json_group_array({m}) FILTER (WHERE {m} IS NOT NULL)" for m in MEASURES]
    sql = f"""
        SELECT {KEYS["endpoint"]} AS endpoint, {", ".join(found)} FROM decisions
        WHERE answered = 1 AND {span.where()} GROUP BY 1 ORDER BY 1
    """
    rows = connection.execute(sql, span.values()).fetchall()
    return tuple(
        _percentiles(measure, endpoint, sorted(values))
        for i, measure in enumerate(MEASURES)
        for endpoint, *arrays in rows
        if (values := msgspec.json.decode(arrays[i], type=list[float]))
    )


def _percentiles(
    measure: str, endpoint: str | None, ordered: list[float]
) -> Percentiles:
    count = len(ordered)
    p50, p95, p99 = (ordered[(count * p + 99) // 100 - 1] for p in (50, 95, 99))
    return Percentiles(
        measure=measure, endpoint=endpoint, count=count, p50=p50, p95=p95, p99=p99
    )
