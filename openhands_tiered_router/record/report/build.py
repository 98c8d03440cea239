"""All figures of a report, from one telemetry file."""

from __future__ import annotations

import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from openhands_tiered_router.record.metrics.sources import BudgetLeft
from openhands_tiered_router.record.report.conversations import (
    Misroute,
    Solved,
    Task,
    misroutes,
    solved,
    tasks,
    verdicts_by_conversation,
)
from openhands_tiered_router.record.report.savings import Savings, savings
from openhands_tiered_router.record.telemetry.costs import decode_tier_set
from openhands_tiered_router.record.telemetry.judging import unjudged
from openhands_tiered_router.record.telemetry.query import TelemetryFile
from openhands_tiered_router.record.telemetry.statements import stored_id
from openhands_tiered_router.record.telemetry.sums import (
    TIERS,
    Group,
    Percentiles,
    Span,
    Sums,
    percentiles,
)
from openhands_tiered_router.tiers import TierSet


_OF_CONVERSATIONS: Final = (
    *("calls", "turns", "unpriced", "cost", "compared", "compared_usd", "hard"),
    *("under_routed", *(f"alone_{tier}" for tier in TIERS)),
)
"""Sums that are needed of each conversation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a report says, before it is shown."""

    made: float
    """Seconds since the epoch."""
    since: float
    until: float
    conversation_id: str | None
    unjudged: int
    """Conversations with turns that are not judged yet."""
    lost: int
    """Records that never reached the file."""
    task_count: int
    """Conversations."""
    whole: Group
    tiers: tuple[Group, ...]
    """All calls, by the tier that served."""
    days: tuple[Group, ...]
    """By day and tier; days of UTC."""
    models: tuple[Group, ...]
    """By tier, model and endpoint."""
    provisions: tuple[Group, ...]
    """By the tier that served, and whether that was right; ``None``: not judged."""
    savings: Savings
    solved: Solved
    tasks: tuple[Task, ...]
    """The latest first."""
    misroutes: tuple[Misroute, ...]
    """Too weak tiers first, each the dearest first."""
    budgets: tuple[BudgetLeft, ...] | None
    """``None``: no configuration was given that names limits."""
    latency: tuple[Percentiles, ...]
    """By endpoint; none without details, as of ``guards``."""
    guards: tuple[tuple[str, str, str, int], ...]
    """Guard, what it did, to which endpoint or limit, and how often."""

    def provision(self, tier: str | None, provision: str) -> float:
        """Turns of a tier, ``None``: of all, that were judged so."""
        return sum(
            g["turns"]
            for g in self.provisions
            if g.key[1] == provision and tier in (None, g.key[0])
        )


def build(
    path: Path,
    *,
    since: float = 0.0,
    until: float = float("inf"),
    conversation_id: str | None = None,
    most: int = 10,
    details: bool = False,
    budgets: tuple[BudgetLeft, ...] | None = None,
) -> Report:
    """The report; a file that is missing has none of everything.

    Args:
        path: The telemetry file.
        since: Seconds since the epoch, included.
        until: Seconds since the epoch, not included.
        conversation_id: Only this one's, by its whole id; ``None``: all.
        most: How many tasks, and how many misrouted turns, to list.
        details: Whether to find out what takes long in a large file, since every call
            is read: latencies, and what guards did.
        budgets: What is left of them.

    Raises:
        TelemetryReadError: The file cannot be read.
    """
    file = TelemetryFile(path)
    with file.reading() as connection, ThreadPoolExecutor() as pool:
        if connection is None:
            connection = _empty()
        key = _key(connection, conversation_id)
        span = Span(since=since, until=until, conversation=key)
        # SQLite works outside the interpreter's lock: questions run side by side.
        slow = pool.submit(_slow, file, span) if details else None
        wrong = pool.submit(_misroutes, file, span, most)
        sums = Sums(connection, span)
        verdicts = verdicts_by_conversation(connection)
        whole, groups = sums.whole(), sums.by("conversation", sums=_OF_CONVERSATIONS)
        found = savings(whole, groups, _tier_sets(connection, sums))
        latency, guards = slow.result() if slow else ((), ())
        return Report(
            made=time.time(),
            since=since,
            until=until,
            conversation_id=conversation_id,
            unjudged=unjudged(connection),
            lost=file.lost(since),
            task_count=_task_count(connection),
            whole=whole,
            tiers=tuple(sorted(sums.by("tier"), key=_level)),
            days=sums.by("day", "tier"),
            models=sums.by("tier", "model", "endpoint"),
            provisions=sums.by("tier", "provision"),
            savings=found,
            solved=solved(groups, verdicts),
            tasks=tasks(connection, sums, groups, verdicts, found.best, most),
            misroutes=wrong.result(),
            budgets=budgets,
            latency=latency,
            guards=guards,
        )


def _level(group: Group) -> int:
    tier = group.key[0]
    return TIERS.index(tier) if tier in TIERS else -1


def _empty() -> sqlite3.Connection:
    """A file without rows."""
    from openhands_tiered_router.record.telemetry.schema import statements

    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.row_factory = sqlite3.Row
    for statement in statements():
        connection.execute(statement)
    return connection


type _Slow = tuple[tuple[Percentiles, ...], tuple[tuple[str, str, str, int], ...]]


def _slow(file: TelemetryFile, span: Span) -> _Slow:
    with file.reading() as connection:
        if connection is None:
            return (), ()
        sql = f"""
            SELECT guard, kind, coalesce(
                detail ->> '$.endpoint', detail ->> '$.limit', detail ->> '$.budget', ''
            ) AS what, count(*)
            FROM guard_events WHERE {span.where()} GROUP BY guard, kind, what
        """
        guards = tuple(map(tuple, connection.execute(sql, span.values())))
        return percentiles(connection, span), guards


def _misroutes(file: TelemetryFile, span: Span, most: int) -> tuple[Misroute, ...]:
    with file.reading() as connection:
        return () if connection is None else misroutes(connection, span, most)


def _tier_sets(connection: sqlite3.Connection, sums: Sums) -> list[TierSet]:
    sql = "SELECT endpoints FROM tier_sets WHERE key = ?"
    rows = (connection.execute(sql, (key,)).fetchone() for key in sums.tier_sets())
    return [decode_tier_set(row[0]) for row in rows if row]


def _task_count(connection: sqlite3.Connection) -> int:
    (count,) = connection.execute(
        """
        SELECT count(*) FROM conversations WHERE id != ''
            AND key IN (SELECT conversation FROM cells)
        """
    ).fetchone()
    return count


def _key(connection: sqlite3.Connection, conversation_id: str | None) -> int | None:
    if conversation_id is None:
        return None
    sql = "SELECT key FROM conversations WHERE id = ?"
    row = connection.execute(sql, (stored_id(conversation_id),)).fetchone()
    return -1 if row is None else row["key"]
