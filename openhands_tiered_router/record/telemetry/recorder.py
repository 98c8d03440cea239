"""What the router calls to record a decision and its consequences."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Required, TypedDict, Unpack

from openhands_tiered_router.policy.decision import Decision
from openhands_tiered_router.policy.outcome import Outcome
from openhands_tiered_router.record.telemetry.location import path_from
from openhands_tiered_router.record.telemetry.records import (
    Detail,
    GuardEvent,
    Record,
    ToolResult,
    Verdict,
    decided,
    ended,
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


class _Known(TypedDict, total=False):
    conversation_id: Required[str | None]
    time: Required[float]
    model: str | None


class _Decided(_Known, total=False):
    decision_id: Required[str]
    turn: int | None
    purpose: str
    overhead_us: float | None
    parent_conversation_id: str | None
    config: str | None
    tiers: TierSet | None


class _Ended(_Known, total=False):
    tier: Tier | None


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

    def record_decision(self, decision: Decision, **known: Unpack[_Decided]) -> None:
        """Records a decision; see ``records.decided`` for the arguments."""
        if self._wanted:
            self._put(decided(decision, **known))

    def record_outcome(
        self, decision_id: str, outcome: Outcome, **known: Unpack[_Ended]
    ) -> None:
        """Completes a decision's row; see ``records.ended`` for the arguments."""
        if self._wanted:
            self._put(ended(decision_id, outcome, **known))

    def record_tool_result(self, result: ToolResult) -> None:
        """Records a tool call, or what is newly known of one."""
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
        """Records an event of a guard; see ``GuardEvent`` for the arguments."""
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
        """Records a judge's word on a conversation's work."""
        if self._wanted:
            self._put(verdict)

    def record_texts(self, texts: RawTexts) -> None:
        """Records what was said in a call; observers are not shown it."""
        if self._writer is not None:
            self._writer.put(texts)

    def flush(self, timeout: float = EXIT_SECONDS) -> bool:
        """Waits, at most that many seconds, until all that was recorded is in the file.

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
