"""What the router calls to record a decision and its consequences."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from openhands_tiered_router.record.telemetry.opening import path_from
from openhands_tiered_router.record.telemetry.records import (
    Call,
    Detail,
    GuardEvent,
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


class TelemetryRecorder:
    """Records calls, tool results, events and verdicts; each takes microseconds.

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

    def record(self, record: Call | ToolResult | GuardEvent | Verdict) -> None:
        """Queues a record; a tool call is recorded again when more is known of it."""
        if self._writer is not None:
            self._writer.put(record)
        for observer in _observers:
            observer(record)

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
        self.record(
            GuardEvent(
                conversation_id=conversation_id,
                time=time,
                guard=guard,
                kind=kind,
                detail=detail,
            )
        )

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
