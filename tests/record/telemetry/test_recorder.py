"""The recorder that the router calls."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from openhands_tiered_router.policy.decision import Decision
from openhands_tiered_router.policy.outcome import Outcome
from openhands_tiered_router.record.telemetry.query import TelemetryFile
from openhands_tiered_router.record.telemetry.recorder import (
    TelemetryRecorder,
    recorder_for,
)
from openhands_tiered_router.record.telemetry.records import ToolResult, Verdict, routed
from openhands_tiered_router.tiers import Tier


DECISION = Decision(tier=Tier.SIMPLE, endpoint="simple", required=Tier.SIMPLE)


def record_all(recorder: TelemetryRecorder) -> None:
    answered = Outcome(endpoint="simple", attempts=(), response_id="r")
    recorder.record(
        routed(DECISION, answered, decision_id="d", conversation_id="c", time=1.0)
    )
    recorder.record(
        ToolResult(
            conversation_id="c",
            response_id="r",
            tool_call_id="t",
            tool_name="terminal",
            time=3.0,
        )
    )


def test_a_recorder_writes_what_it_is_given(path: Path) -> None:
    recorder = recorder_for(path)
    record_all(recorder)
    assert recorder.flush(60)
    (turn,) = TelemetryFile(path).turns("c")
    assert turn.decision == DECISION
    (tool,) = TelemetryFile(path).tools("c")
    assert tool.tool_name == "terminal"
    stats = recorder.stats()
    assert stats is not None
    assert stats.written == 2


def test_a_process_has_one_recorder_for_a_file(path: Path) -> None:
    detour = path.parent / "other" / ".." / path.name
    assert recorder_for(path) is recorder_for(str(path)) is recorder_for(detour)
    assert recorder_for(path) is not recorder_for(path.with_name("other.sqlite3"))


def test_a_disabled_recorder_takes_everything_and_keeps_nothing() -> None:
    recorder = TelemetryRecorder.disabled()
    record_all(recorder)
    assert recorder.flush(60)
    assert recorder.stats() is None
    assert recorder.path is None


def test_importing_telemetry_imports_neither_sdk_nor_litellm_nor_networkx() -> None:
    script = (
        "import sys, openhands_tiered_router.record.telemetry.recorder\n"
        "heavy = {'openhands.sdk', 'litellm', 'networkx', 'pydantic'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_a_note_keeps_names_and_numbers_and_no_more(path: Path) -> None:
    recorder = recorder_for(path)
    recorder.note(
        "budget",
        "soft_limit",
        conversation_id="c",
        time=1.0,
        spent=0.5,
        left=float("inf"),
        day=True,
        project="sk-ant-" + "x" * 300,
    )
    assert recorder.flush(60)
    with closing(sqlite3.connect(path)) as connection:
        ((at, guard, kind, detail),) = connection.execute(
            "SELECT time, guard, kind, detail FROM guard_events JOIN conversations c"
            " ON c.key = conversation WHERE c.id = 'c'"
        )
    assert (at, guard, kind) == (1.0, "budget", "soft_limit")
    assert json.loads(detail) == {
        "spent": 0.5,
        "left": None,
        "day": True,
        "project": "[redacted]",
    }


def test_a_verdict_is_stored_with_its_conversation(path: Path) -> None:
    recorder = recorder_for(path)
    recorder.record(
        Verdict(conversation_id="c", time=1.0, accepted=None, reason="no_tests")
    )
    assert recorder.flush(60)
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT judge, accepted, reason FROM verdicts")
        assert rows.fetchall() == [("verifier", None, "no_tests")]
