"""All figures of a report, from one telemetry file."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openhands_tiered_router.record.report import calibration
from openhands_tiered_router.record.report.budgets import BudgetLeft
from openhands_tiered_router.record.report.calibration import Bin
from openhands_tiered_router.record.report.receipts import Receipts
from openhands_tiered_router.record.report.savings import Savings, savings
from openhands_tiered_router.record.report.solved import (
    SolvedByTier,
    by_tier,
    solved_conversations,
)
from openhands_tiered_router.record.report.sums import Span
from openhands_tiered_router.record.report.totals import Totals
from openhands_tiered_router.record.telemetry.aggregates import By, Group, Keys
from openhands_tiered_router.record.telemetry.assess import (
    Misroute,
    misroutes,
    unjudged,
)
from openhands_tiered_router.record.telemetry.digests import digests
from openhands_tiered_router.record.telemetry.events import guard_events
from openhands_tiered_router.record.telemetry.percentiles import PER, Latency, latencies
from openhands_tiered_router.record.telemetry.query import TelemetryFile
from openhands_tiered_router.record.telemetry.records import GuardEvent
from openhands_tiered_router.record.telemetry.rows import stored_conversation_id
from openhands_tiered_router.record.telemetry.verdicts import AcceptRates, accept_rates


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
    latency: tuple[Latency, ...]
    misroutes: tuple[Misroute, ...]
    budgets: tuple[BudgetLeft, ...] | None
    """``None``: no configuration was given that names limits."""


def build(
    path: Path,
    *,
    since: float = 0.0,
    until: float = float("inf"),
    conversation_id: str | None = None,
    misrouted: int = 10,
    latency_by: Sequence[By] = ("tier",),
    budgets: tuple[BudgetLeft, ...] | None = None,
) -> Report:
    """The report; a file that is missing has none of everything.

    Args:
        path: The telemetry file.
        since: Seconds since the epoch, included.
        until: Seconds since the epoch, not included.
        conversation_id: Only this one's; ``None``: all.
        misrouted: How many misrouted turns to list.
        latency_by: What to tell calls apart by, each by itself, for percentiles.
        budgets: What is left of them; see ``budgets_left``.

    Raises:
        TelemetryReadError: The file cannot be read.
        UnknownConversationError: It has no such conversation.
    """
    file = TelemetryFile(path)
    span = Span(since=since, until=until, conversation=_key(file, conversation_id))
    # SQLite works outside the interpreter's lock: the questions run side by side.
    with ThreadPoolExecutor() as pool:
        slow = pool.submit(
            latencies, file, tuple(PER), [(b,) for b in latency_by], *span.values()
        )
        wrong = pool.submit(
            misroutes,
            file,
            since,
            until,
            limit=misrouted,
            conversation_id=conversation_id,
        )
        figures = _figures(file, span)
        return Report(
            made=time.time(),
            since=since,
            until=until,
            conversation_id=conversation_id,
            lost=file.lost(since),
            verifier=accept_rates(path),
            guards=_guards(file, span, conversation_id),
            latency=tuple(slow.result()),
            misroutes=tuple(wrong.result()),
            budgets=budgets,
            **figures,
        )


def _figures(file: TelemetryFile, span: Span) -> dict[str, Any]:
    """What comes from digests and verdicts, by the report's field."""
    tier_sets = file.tier_sets()
    with file.reading() as connection:
        if connection is None:
            totals, shown, solved, unassessed = Totals((), {}), Keys(None), {}, 0
        else:
            totals = Totals(digests(connection, *span.values()), tier_sets)
            shown, solved = Keys(connection), solved_conversations(connection)
            unassessed = unjudged(connection)
    bins = calibration.next_turn(totals.bins)
    return {
        "unassessed": unassessed,
        "tiers": totals.groups(shown, "tier"),
        "days": totals.groups(shown, "day", "tier"),
        "endpoints": totals.groups(shown, "endpoint"),
        "provisions": totals.groups(shown, "provision"),
        "savings": savings(totals.sums, tier_sets, totals.base),
        "solved": by_tier(totals.sums, solved),
        "task_score": calibration.task_score(totals.sums, solved),
        "receipts": totals.receipts(shown, tier_sets),
        "next_turn": bins,
        "next_turn_error": calibration.error(bins),
    }


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


def _guards(
    file: TelemetryFile, span: Span, conversation_id: str | None
) -> tuple[tuple[str, str, str, int], ...]:
    found: dict[tuple[str, str, str], int] = {}
    events = guard_events(file, span.since, span.until, conversation_id=conversation_id)
    for event in events:
        key = event.guard, event.kind, _object(event)
        found[key] = found.get(key, 0) + 1
    return tuple((*key, n) for key, n in sorted(found.items()))


def _object(event: GuardEvent) -> str:
    return str(event.detail.get("endpoint") or event.detail.get("limit") or "")
