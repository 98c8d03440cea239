"""How long runs usually are, learnt from a telemetry file."""

from __future__ import annotations

from pathlib import Path

import pytest

from openhands_tiered_router.guards.loops.guard import LearntTurns, typical_of
from openhands_tiered_router.guards.loops.settings import LoopSettings
from openhands_tiered_router.guards.loops.state import Typical
from openhands_tiered_router.policy.decision import Decision
from openhands_tiered_router.policy.outcome import Attempt, Outcome, Usage
from openhands_tiered_router.record.telemetry.query import TelemetryFile
from openhands_tiered_router.record.telemetry.recorder import (
    TelemetryRecorder,
    recorder_for,
)
from openhands_tiered_router.record.telemetry.records import (
    ToolResult,
    ToolStatus,
    replace,
    routed,
)
from openhands_tiered_router.tiers import Tier
from tests.waiting import wait_until


QUICK = LoopSettings(learn_from=20)


def conversation(
    recorder: TelemetryRecorder,
    name: str,
    turns: int,
    *,
    done: bool = True,
    weak: str = "weak",
) -> None:
    """Two in three turns by one model; a turn after the end, which does not count."""
    for turn in range(turns + 1):
        call = f"{name}-{turn}"
        model = weak if turn % 3 else "strong"
        record = routed(
            Decision(tier=Tier.SIMPLE, endpoint="simple", required=Tier.SIMPLE),
            Outcome(
                endpoint="simple",
                attempts=(Attempt(endpoint="simple", error=None, seconds=0.1),),
                usage=Usage(prompt=1),
                response_id=call,
            ),
            decision_id=call,
            conversation_id=name,
            time=float(turn),
            turn=turn,
        )
        recorder.record(replace(record, served_model=model))
    if done:
        recorder.record(
            ToolResult(
                conversation_id=name,
                response_id=f"{name}-{turns - 1}",
                tool_call_id="c",
                tool_name="finish",
                time=turns - 0.5,
                action_kind="finish",
                status=ToolStatus.DONE,
            )
        )


def asked(learnt: LearntTurns, model: str) -> Typical:
    """Waits for the thread that learns."""
    return wait_until(lambda: learnt.typical(model))


def test_finished_conversations_tell_by_the_model_that_served_most(
    tmp_path: Path,
) -> None:
    path = tmp_path / "t.sqlite3"
    recorder = recorder_for(path)
    for n in range(20):
        conversation(recorder, f"c{n}", turns=10 + n)
    conversation(recorder, "endless", turns=90, done=False)
    assert recorder.flush(60)
    learnt = LearntTurns(TelemetryFile(path).turns_to_finish, QUICK)
    known = asked(learnt, "weak")
    assert known is not None
    assert known.turns == 29
    assert "95% of 20 finished ones of this model took no more than 28" in known.source
    assert learnt.typical("strong") is None


def test_too_few_tell_nothing() -> None:
    assert typical_of(range(10, 29), QUICK) is None
    assert typical_of(range(49), LoopSettings()) is None


@pytest.mark.parametrize(("share", "turns"), [(0.5, 51), (0.9, 91), (0.95, 96)])
def test_the_percentile_is_one_of_them(share: float, turns: int) -> None:
    settings = LoopSettings(runaway_percentile=share)
    found = typical_of(range(1, 101), settings)
    assert found is not None
    assert found.turns == turns


def test_a_file_that_is_none_teaches_nothing_and_breaks_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broken = tmp_path / "t.sqlite3"
    broken.write_bytes(b"no database" * 100)
    missing = TelemetryFile(tmp_path / "missing.sqlite3")
    for read in (None, missing.turns_to_finish, TelemetryFile(broken).turns_to_finish):
        learnt = LearntTurns(read, QUICK)
        assert learnt.typical("weak") is None
        assert learnt.typical(None) is None
    wait_until(lambda: caplog.records)
    (record,) = caplog.records
    assert record.getMessage().endswith("not known: TelemetryReadError")
