"""What the router calls to record a decision and its consequences."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from openhands_tiered_router.policy.decision import Candidate, Decision
from openhands_tiered_router.policy.outcome import Outcome
from openhands_tiered_router.record.telemetry.opening import path_from
from openhands_tiered_router.record.telemetry.records import (
    AGENT_TURN,
    Call,
    Detail,
    Explanation,
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
from openhands_tiered_router.tiers import TierSet


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


def routed(
    decision: Decision,
    outcome: Outcome,
    *,
    decision_id: str,
    conversation_id: str | None,
    time: float,
    tiers: TierSet | None = None,
    turn: int | None = None,
    purpose: str = AGENT_TURN,
    overhead_us: float | None = None,
    config: str | None = None,
) -> Call:
    """A call's row; for the arguments see ``Call``."""
    known = {} if tiers is None else {e.key: e for e in tiers.endpoints}
    chosen = next(
        (c for c in decision.candidates if c.endpoint == decision.endpoint), None
    )
    other = _weighed(decision)
    asked, served = known.get(decision.endpoint), known.get(outcome.endpoint or "")
    usage, attempts = outcome.usage, outcome.attempts
    failed = outcome.endpoint is None and attempts
    error = attempts[-1].error if failed else None
    return Call(
        id=decision_id,
        conversation_id=conversation_id,
        config=config,
        time=time,
        turn=turn,
        purpose=purpose,
        policy=decision.policy,
        tier=str(decision.tier),
        endpoint=decision.endpoint,
        model=asked and asked.model,
        required=str(decision.required),
        floor=None if decision.floor is None else str(decision.floor),
        cap=None if decision.cap is None else str(decision.cap),
        pinned=decision.pinned,
        score=decision.score,
        p_mechanical=decision.p_mechanical,
        estimated_now=chosen and chosen.cost_now,
        estimated_return=chosen and chosen.cost_return,
        weighed=other and other.endpoint,
        weighed_tier=str(other.tier) if other else None,
        weighed_now=other and other.cost_now,
        weighed_return=other and other.cost_return,
        overhead_us=overhead_us,
        answered=outcome.endpoint is not None,
        served_tier=str(served.tier) if served else None,
        served_endpoint=outcome.endpoint,
        served_model=served and served.model,
        prompt_tokens=usage.prompt,
        completion_tokens=usage.completion,
        cache_read_tokens=usage.cache_read,
        cache_write_tokens=usage.cache_write,
        reasoning_tokens=usage.reasoning,
        cost=outcome.cost,
        seconds=outcome.seconds,
        first_token_seconds=outcome.first_token_seconds,
        requests=len(attempts),
        error_kind=None if error is None else str(error),
        response=outcome.response_id,
        hour_paid=outcome.hour_paid or None,
        hour_saved=outcome.hour_saved or None,
        spared_results=outcome.spared_results or None,
        spared_schemas=outcome.spared_schemas or None,
        spared_usd=outcome.spared_usd or None,
        tiers=tiers,
        attempts=attempts,
        explanation=Explanation(
            fallbacks=decision.fallbacks,
            candidates=decision.candidates,
            reasons=decision.reasons,
            dimensions=decision.dimensions,
        ),
    )


def _weighed(decision: Decision) -> Candidate | None:
    """What was weighed against the choice: of those priced, the least dear now."""
    priced = [
        c
        for c in decision.candidates
        if c.endpoint != decision.endpoint and c.cost_now is not None
    ]
    return min(priced, key=lambda c: c.cost_now or 0.0, default=None)
