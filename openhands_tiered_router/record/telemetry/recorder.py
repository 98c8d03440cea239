"""What the router calls to put a decision and its consequences on record."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from openhands_tiered_router.policy.decision import Decision
from openhands_tiered_router.policy.outcome import Outcome
from openhands_tiered_router.record.telemetry.location import path_from
from openhands_tiered_router.record.telemetry.records import (
    AGENT_TURN,
    DecisionRecord,
    Detail,
    GuardEvent,
    OutcomeRecord,
    Record,
    ToolResult,
    Verdict,
)
from openhands_tiered_router.record.telemetry.removal import Retention
from openhands_tiered_router.record.telemetry.texts import RawTexts
from openhands_tiered_router.record.telemetry.writer import (
    DEFAULT_QUEUE_SIZE,
    EXIT_SECONDS,
    KEEP_ALL,
    Writer,
    WriterStats,
)
from openhands_tiered_router.tiers import Tier, TierSet


class TelemetryRecorder:
    """Records decisions, outcomes and tool results; each call takes microseconds.

    No method blocks on a disk or raises, so a recorder can be called from an event
    loop and never fails a run. Get one from ``recorder_for``, which shares it.
    """

    def __init__(self, writer: Writer | None) -> None:
        self._writer = writer

    @classmethod
    def disabled(cls) -> TelemetryRecorder:
        """A recorder that records nothing."""
        return cls(None)

    @property
    def path(self) -> Path | None:
        """The file; ``None``: nothing is recorded."""
        return None if self._writer is None else self._writer.path

    def record_decision(
        self,
        decision: Decision,
        *,
        decision_id: str,
        conversation_id: str | None,
        time: float,
        turn: int | None = None,
        purpose: str = AGENT_TURN,
        model: str | None = None,
        overhead_us: float | None = None,
        parent_conversation_id: str | None = None,
        tiers: TierSet | None = None,
    ) -> None:
        """Puts a decision on record; see ``DecisionRecord`` for the arguments."""
        if self._wanted:
            self._put(
                DecisionRecord(
                    decision_id=decision_id,
                    conversation_id=conversation_id,
                    parent_conversation_id=parent_conversation_id,
                    turn=turn,
                    purpose=purpose,
                    time=time,
                    model=model,
                    overhead_us=overhead_us,
                    decision=decision,
                    tiers=tiers,
                )
            )

    def record_outcome(
        self,
        decision_id: str,
        outcome: Outcome,
        *,
        conversation_id: str | None,
        time: float,
        tier: Tier | None = None,
        model: str | None = None,
    ) -> None:
        """Completes a decision's row; see ``OutcomeRecord`` for the arguments."""
        if self._wanted:
            self._put(
                OutcomeRecord(
                    decision_id=decision_id,
                    conversation_id=conversation_id,
                    time=time,
                    outcome=outcome,
                    tier=tier,
                    model=model,
                )
            )

    def record_tool_result(self, result: ToolResult) -> None:
        """Puts a tool call on record, or what is newly known of one."""
        if self._wanted:
            self._put(result)

    def note(
        self,
        guard: str,
        kind: str,
        *,
        conversation_id: str | None,
        time: float,
        **detail: Detail,
    ) -> None:
        """Puts an event of a guard on record; see ``GuardEvent`` for the arguments."""
        if self._wanted:
            self._put(
                GuardEvent(
                    conversation_id=conversation_id,
                    time=time,
                    guard=guard,
                    kind=kind,
                    detail=detail,
                )
            )

    def record_verdict(self, verdict: Verdict) -> None:
        """Puts a judge's word on a conversation's work on record."""
        if self._wanted:
            self._put(verdict)

    def record_texts(self, texts: RawTexts) -> None:
        """Puts on record what was said in a call; observers are not shown it."""
        if self._writer is not None:
            self._writer.put(texts)

    def flush(self, timeout: float = EXIT_SECONDS) -> bool:
        """Waits, at most that many seconds, until all that is on record is in the file.

        Returns:
            Whether it is. Blocks: not for an event loop.
        """
        return self._writer is None or self._writer.flush(timeout)

    def stats(self) -> WriterStats | None:
        """How the writer is doing; ``None``: nothing is recorded."""
        return None if self._writer is None else self._writer.stats()

    @property
    def _wanted(self) -> bool:
        return self._writer is not None or bool(_observers)

    def _put(self, record: Record) -> None:
        if self._writer is not None:
            self._writer.put(record)
        for observer in _observers:
            observer(record)


_observers: tuple[Callable[[Record], None], ...] = ()


def observe(observer: Callable[[Record], None]) -> None:
    """Has every record of this process shown to ``observer``, before it is written.

    Also those of a disabled recorder. It is called on the path of model calls: it must
    neither block nor raise.
    """
    global _observers
    if observer not in _observers:
        _observers = (*_observers, observer)


_recorders: Final[dict[Path, TelemetryRecorder]] = {}


def recorder_for(
    path: Path | str,
    *,
    queue_size: int = DEFAULT_QUEUE_SIZE,
    keep: Retention = KEEP_ALL,
) -> TelemetryRecorder:
    """The process's one recorder for a file; nothing is opened before the first record.

    Args:
        path: The file; it and its directory are made when missing. ``~`` is known.
        queue_size: Records that may wait; counts only for the path's first caller.
        keep: How much the file may hold; likewise.
    """
    absolute = Path(os.path.abspath(os.path.expanduser(path)))
    if known := _recorders.get(absolute):
        return known
    # No lock, which a forked child could inherit locked: who comes second gets the
    # first one's, and a writer that was never used has neither thread nor file.
    recorder = TelemetryRecorder(Writer(absolute, queue_size=queue_size, keep=keep))
    return _recorders.setdefault(absolute, recorder)


def recorder_from_environment(
    environ: Mapping[str, str] = os.environ,
) -> TelemetryRecorder:
    """The recorder that ``TIERED_ROUTER_TELEMETRY`` asks for, by default the user's."""
    path = path_from(environ)
    return TelemetryRecorder.disabled() if path is None else recorder_for(path)
