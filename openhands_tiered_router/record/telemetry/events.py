"""What guards did, and what judges said, as it is on record."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any, Final

from openhands_tiered_router.record.telemetry.query import TelemetryFile
from openhands_tiered_router.record.telemetry.records import GuardEvent, Verdict
from openhands_tiered_router.record.telemetry.rows import stored_conversation_id


def guard_events(
    file: TelemetryFile,
    since: float = 0.0,
    until: float = math.inf,
    *,
    guard: str | None = None,
    conversation_id: str | None = None,
) -> list[GuardEvent]:
    """In order of time.

    Args:
        file: Where from.
        since: Seconds since the epoch, included.
        until: Seconds since the epoch, not included.
        guard: Only this one's.
        conversation_id: Only this conversation's.

    Raises:
        TelemetryReadError: It cannot be read.
    """
    chosen = _Filter(since, until, conversation_id)
    where, values = chosen.where(), chosen.values()
    if guard is not None:
        where += " AND e.guard = :guard"
        values["guard"] = guard
    with file.reading() as connection:
        if connection is None:
            return []
        return [
            GuardEvent(
                conversation_id=r["id"] or None,
                time=r["time"],
                guard=r["guard"],
                kind=r["kind"],
                detail=json.loads(r["detail"]),
            )
            for r in connection.execute(f"{_EVENTS} {where} {_ORDER}", values)
        ]


def verdicts(
    file: TelemetryFile,
    since: float = 0.0,
    until: float = math.inf,
    *,
    conversation_id: str | None = None,
) -> list[Verdict]:
    """In order of time; the arguments are those of ``guard_events``."""
    chosen = _Filter(since, until, conversation_id)
    with file.reading() as connection:
        if connection is None:
            return []
        rows = connection.execute(
            f"{_VERDICTS} {chosen.where()} {_ORDER}", chosen.values()
        )
        return [
            Verdict(
                conversation_id=r["id"] or None,
                accepted=None if r["accepted"] is None else bool(r["accepted"]),
                **{n: r[n] for n in _AS_THEY_ARE},
            )
            for r in rows
        ]


@dataclass(frozen=True, slots=True)
class _Filter:
    since: float
    until: float
    conversation_id: str | None

    def where(self) -> str:
        one = "" if self.conversation_id is None else " AND c.id = :id"
        return f"WHERE e.time >= :since AND e.time < :until{one}"

    def values(self) -> dict[str, Any]:
        name = stored_conversation_id(self.conversation_id)
        return {"since": self.since, "until": self.until, "id": name}


_AS_THEY_ARE: Final = (
    "time",
    "judge",
    "reason",
    "round",
    "tests",
    "failing",
    "already_failing",
    "seconds",
)

_OF_ONE: Final = "e JOIN conversations c ON c.key = e.conversation"

_EVENTS: Final = f"SELECT e.*, c.id FROM guard_events {_OF_ONE}"

_VERDICTS: Final = f"SELECT e.*, c.id FROM verdicts {_OF_ONE}"

_ORDER: Final = "ORDER BY e.time, e.key"
