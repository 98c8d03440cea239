"""All figures of a report, from one telemetry file."""

from __future__ import annotations

import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Final

from openhands_tiered_router.report import calibration
from openhands_tiered_router.report.calibration import Bin
from openhands_tiered_router.report.latency import latency
from openhands_tiered_router.report.receipts import Receipts, receipts
from openhands_tiered_router.report.savings import Savings, savings
from openhands_tiered_router.report.solved import (
    SolvedByTier,
    by_tier,
    solved_conversations,
)
from openhands_tiered_router.report.sums import (
    Caching,
    ConversationSums,
    Span,
    conversation_sums,
    levels,
)
from openhands_tiered_router.report.totals import folded
from openhands_tiered_router.telemetry.aggregates import By, Group, groups
from openhands_tiered_router.telemetry.assess import Misroute, assess, misroutes
from openhands_tiered_router.telemetry.events import guard_events
from openhands_tiered_router.telemetry.percentiles import Measure, Percentiles
from openhands_tiered_router.telemetry.query import TelemetryFile
from openhands_tiered_router.telemetry.records import GuardEvent
from openhands_tiered_router.telemetry.rows import stored_conversation_id
from openhands_tiered_router.telemetry.verdicts import AcceptRates, accept_rates
from openhands_tiered_router.tiers import Tier, TierSet


ASSESS_SECONDS: Final = 1.0
"""Time spent on judging new turns first; what is left over is said."""


PARTS: Final = 4
"""In which the longest questions are asked, side by side."""

# Rows are written about in order of time, so that keys cut times well enough.
_CUTS: Final = """
    WITH RECURSIVE cuts (n) AS (
        SELECT 1 UNION ALL SELECT n + 1 FROM cuts WHERE n + 1 < :parts
    )
    SELECT time FROM cuts JOIN decision_rows
        ON key = (SELECT max(key) FROM decision_rows) * n / :parts
    WHERE time IS NOT NULL
"""


class UnknownConversationError(ValueError):
    """Nothing is on record of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a report says, before it is shown."""

    made: float
    """Seconds since the epoch."""
    since: float
    until: float
    conversation_id: str | None
    unassessed: int
    """Conversations with turns that are not judged yet."""
    lost: int
    """Records that never reached the file."""
    tiers: tuple[Group, ...]
    """All calls, by the tier that served."""
    days: tuple[Group, ...]
    """By day and tier; days of UTC."""
    endpoints: tuple[Group, ...]
    provisions: tuple[Group, ...]
    savings: Savings
    solved: tuple[SolvedByTier, ...]
    receipts: Receipts
    next_turn: tuple[Bin, ...]
    next_turn_error: float | None
    task_score: tuple[Bin, ...]
    verifier: AcceptRates
    """Over the whole file."""
    guards: tuple[tuple[str, str, str, int], ...]
    """Guard, what it did, to which endpoint or limit, and how often."""
    latency: tuple[tuple[Measure, tuple[Percentiles, ...]], ...]
    misroutes: tuple[Misroute, ...]


def build(
    path: Path,
    *,
    since: float = 0.0,
    until: float = float("inf"),
    conversation_id: str | None = None,
    misrouted: int = 10,
) -> Report:
    """The report; a file that is missing has none of everything.

    Args:
        path: The telemetry file.
        since: Seconds since the epoch, included.
        until: Seconds since the epoch, not included.
        conversation_id: Only this one's; ``None``: all.
        misrouted: How many misrouted turns to list.

    Raises:
        TelemetryReadError: The file cannot be read.
        UnknownConversationError: It has no such conversation.
    """
    left = assess(path, ASSESS_SECONDS).left
    file = TelemetryFile(path)
    span = Span(since=since, until=until, conversation=_key(file, conversation_id))
    # SQLite works outside the interpreter's lock: the questions run side by side.
    with ThreadPoolExecutor() as pool:
        ask = _Questions(file, span, conversation_id)
        parts = [pool.submit(ask.sums, i) for i in range(PARTS)]
        slices = [pool.submit(ask.groups, *s) for s in ask.slices()]
        slow = pool.submit(ask.latency)
        base = pool.submit(ask.base)
        cached = pool.submit(ask.receipts)
        bins = pool.submit(ask.next_turn)
        sums = [s for part in parts for s in part.result()]
        solved = ask.solved()
        totals = [g for part in slices for g in part.result()]
        return Report(
            made=time.time(),
            since=since,
            until=until,
            conversation_id=conversation_id,
            unassessed=left,
            lost=file.lost(since),
            tiers=tuple(sorted(folded(totals, 1), key=_strength)),
            days=folded(totals, 0, 1),
            endpoints=folded(totals, 2),
            provisions=folded(totals, 3),
            savings=savings(sums, file.tier_sets(), base.result()),
            solved=by_tier(sums, solved),
            task_score=calibration.task_score(sums, solved),
            receipts=cached.result(),
            next_turn=bins.result(),
            next_turn_error=calibration.error(bins.result()),
            verifier=accept_rates(path),
            guards=ask.guards(),
            latency=slow.result(),
            misroutes=tuple(
                misroutes(
                    file,
                    since,
                    until,
                    limit=misrouted,
                    conversation_id=conversation_id,
                )
            ),
        )


def _key(file: TelemetryFile, conversation_id: str | None) -> int | None:
    if conversation_id is None:
        return None
    with file.reading() as connection:
        sql = "SELECT key FROM conversations WHERE id = ?"
        name = (stored_conversation_id(conversation_id),)
        row = None if connection is None else connection.execute(sql, name).fetchone()
    if row is None:
        raise UnknownConversationError(
            f"no conversation {conversation_id} is on record; leave out --conversation "
            "to see all"
        )
    return row["key"]


@dataclass(frozen=True, slots=True)
class _Questions:
    file: TelemetryFile
    span: Span
    conversation_id: str | None

    def sums(self, part: int) -> list[ConversationSums]:
        sets = self.file.tier_sets().values()
        kinds = [Caching.of(e) for t in sets for e in t.endpoints]
        span = replace(self.span, part=(part, PARTS))
        with self.file.reading() as connection:
            if connection is None:
                return []
            return conversation_sums(connection, span, kinds)

    def base(self) -> Tier | None:
        with self.file.reading() as connection:
            return None if connection is None else base_tier(connection, self.span)

    def solved(self) -> dict[int, bool]:
        with self.file.reading() as connection:
            return {} if connection is None else solved_conversations(connection)

    def slices(self) -> list[tuple[float, float]]:
        """The span in parts with about equally many decisions."""
        with self.file.reading() as connection:
            if connection is None:
                return []
            cuts = [r["time"] for r in connection.execute(_CUTS, {"parts": PARTS})]
        inner = sorted({c for c in cuts if self.span.since < c < self.span.until})
        return list(pairwise([self.span.since, *inner, self.span.until]))

    def groups(self, since: float, until: float) -> list[Group]:
        by: list[By] = ["day", "tier", "endpoint", "provision"]
        if self.conversation_id is None:
            return groups(self.file, by, since, until)
        name = stored_conversation_id(self.conversation_id)
        found = groups(self.file, [*by, "conversation"], since, until)
        return [g for g in found if g.key[-1] == name]

    def latency(self) -> tuple[tuple[Measure, tuple[Percentiles, ...]], ...]:
        with self.file.reading() as connection:
            return () if connection is None else latency(connection, self.span)

    def receipts(self) -> Receipts:
        sets: dict[int, TierSet] = self.file.tier_sets()
        with self.file.reading() as connection:
            if connection is None:
                return Receipts(**dict.fromkeys(Receipts.__slots__, 0))
            return receipts(connection, self.span, sets)

    def next_turn(self) -> tuple[Bin, ...]:
        with self.file.reading() as connection:
            if connection is None:
                return ()
            return calibration.next_turn(connection, self.span)

    def guards(self) -> tuple[tuple[str, str, str, int], ...]:
        found: dict[tuple[str, str, str], int] = {}
        events = guard_events(
            self.file,
            self.span.since,
            self.span.until,
            conversation_id=self.conversation_id,
        )
        for event in events:
            key = event.guard, event.kind, _object(event)
            found[key] = found.get(key, 0) + 1
        return tuple((*key, n) for key, n in sorted(found.items()))


def _strength(group: Group) -> int:
    """Weakest tier first; lost decisions before them."""
    name = group.key[0]
    return -1 if name is None else Tier.parse(str(name))


def _object(event: GuardEvent) -> str:
    return str(event.detail.get("endpoint") or event.detail.get("limit") or "")


def base_tier(connection: sqlite3.Connection, span: Span) -> Tier | None:
    """The stronger side of most choices that were weighed; ``None``: none was."""
    sql = f"""
        SELECT max(tier, {levels(connection)}) AS strong, count(*) AS count
        FROM decision_rows WHERE weighed IS NOT NULL AND {span.where()}
        GROUP BY strong ORDER BY count DESC LIMIT 1
    """
    row = connection.execute(sql, span.values()).fetchone()
    return None if row is None or row["strong"] is None else Tier(row["strong"])
