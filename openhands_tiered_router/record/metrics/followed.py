"""Counting what other processes put on record, as it appears in the telemetry file."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from openhands_tiered_router.policy.decision import Decision
from openhands_tiered_router.policy.outcome import Attempt, ErrorKind, Outcome
from openhands_tiered_router.record.telemetry.events import guard_events, verdicts
from openhands_tiered_router.record.telemetry.facts import TurnFacts, turn_facts
from openhands_tiered_router.record.telemetry.query import TelemetryFile
from openhands_tiered_router.record.telemetry.records import (
    DecisionRecord,
    OutcomeRecord,
    Record,
)


WINDOW: Final = 3_600.0
"""Seconds for which a call may run: its row has the time of its beginning, and comes
at its end."""


class Followed:
    """Shows each record of a file once, from its making on. Safe under threads."""

    def __init__(self, path: Path, see: Callable[[Record], None]) -> None:
        """
        Raises:
            TelemetryReadError: The file cannot be read.
        """
        self._file = TelemetryFile(path)
        self._lock = threading.Lock()
        self._seen: dict[int, float] = {}
        self._events_from = time.time()
        self._see: Callable[[Record], None] = lambda _: None
        self.catch_up()
        self._see = see

    def catch_up(self) -> None:
        """Shows what is new; reads the last hour's rows.

        Raises:
            TelemetryReadError: The file cannot be read.
        """
        with self._lock:
            now = time.time()
            since = now - WINDOW
            self._seen = {k: at for k, at in self._seen.items() if at >= since}
            for facts in turn_facts(self._file, since):
                if facts.answered is not None and facts.key not in self._seen:
                    self._seen[facts.key] = facts.time or now
                    for record in _records(facts):
                        self._see(record)
            begun, self._events_from = self._events_from, now
            for event in guard_events(self._file, begun, now):
                self._see(event)
            for verdict in verdicts(self._file, begun, now):
                self._see(verdict)


def _records(facts: TurnFacts) -> tuple[Record, ...]:
    """As they were recorded, as far as numbers go."""
    id, at = facts.decision_id, facts.time or 0.0
    outcome = OutcomeRecord(
        decision_id=id,
        conversation_id=None,
        time=at,
        tier=facts.served_tier,
        model=facts.served_model,
        outcome=Outcome(
            endpoint=facts.served_endpoint,
            attempts=_attempts(facts),
            usage=facts.usage,
            cost=facts.cost,
            seconds=facts.seconds or 0.0,
            first_token_seconds=facts.first_token_seconds,
        ),
    )
    if facts.tier is None or facts.endpoint is None:
        return (outcome,)
    decision = Decision(
        tier=facts.tier,
        endpoint=facts.endpoint,
        need=facts.tier if facts.need is None else facts.need,
        floor=facts.floor,
    )
    decided = DecisionRecord(
        decision_id=id,
        conversation_id=None,
        time=at,
        purpose=facts.purpose or "unknown",
        overhead_us=facts.overhead_us,
        decision=decision,
    )
    return (decided, outcome)


def _attempts(facts: TurnFacts) -> tuple[Attempt, ...]:
    """Of failed ones the file tells the number, and the error of a failed call."""
    served = facts.served_endpoint
    failed = facts.requests - (served is not None)
    error = ErrorKind(facts.error_kind) if facts.error_kind else ErrorKind.OTHER
    first = facts.endpoint or served or "unknown"
    attempts = [Attempt(endpoint=first, error=error, seconds=0.0)] * failed
    if served is not None:
        attempts.append(Attempt(endpoint=served, error=None, seconds=0.0))
    return tuple(attempts)
