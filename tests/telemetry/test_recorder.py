"""The recorder that the router calls."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from openhands_tiered_router.core.decision import Decision, Outcome
from openhands_tiered_router.telemetry import (
    TelemetryFile,
    TelemetryRecorder,
    ToolResult,
    recorder_for,
    recorder_from_environment,
)
from openhands_tiered_router.tiers import Tier


DECISION = Decision(tier=Tier.SIMPLE, endpoint="simple", need=Tier.SIMPLE)


def record_all(recorder: TelemetryRecorder) -> None:
    recorder.record_decision(DECISION, decision_id="d", conversation_id="c", time=1.0)
    recorder.record_outcome(
        "d",
        Outcome(endpoint="simple", attempts=(), response_id="r"),
        conversation_id="c",
        time=2.0,
    )
    recorder.record_tool_result(
        ToolResult(
            conversation_id="c",
            response_id="r",
            tool_call_id="t",
            tool_name="terminal",
            time=3.0,
        )
    )


def test_a_recorder_writes_all_three_kinds(path: Path) -> None:
    recorder = recorder_for(path)
    record_all(recorder)
    assert recorder.flush(30)
    (turn,) = TelemetryFile(path).turns("c")
    assert turn.decision == DECISION
    assert turn.outcome is not None
    assert turn.tools[0].tool_name == "terminal"
    stats = recorder.stats()
    assert stats is not None
    assert stats.written == 3


def test_a_process_has_one_recorder_for_a_file(path: Path) -> None:
    detour = path.parent / "other" / ".." / path.name
    assert recorder_for(path) is recorder_for(str(path)) is recorder_for(detour)
    assert recorder_for(path) is not recorder_for(path.with_name("other.sqlite3"))


def test_a_disabled_recorder_takes_everything_and_keeps_nothing() -> None:
    recorder = TelemetryRecorder.disabled()
    record_all(recorder)
    assert recorder.flush(30)
    assert recorder.stats() is None
    assert recorder.path is None


def test_the_environment_names_the_file_or_switches_off(path: Path) -> None:
    at = recorder_from_environment({"TIERED_ROUTER_TELEMETRY": str(path)})
    assert at is recorder_for(path)
    off = recorder_from_environment({"TIERED_ROUTER_TELEMETRY": "off"})
    assert off.path is None


def test_importing_telemetry_imports_neither_sdk_nor_litellm_nor_networkx() -> None:
    script = (
        "import sys, openhands_tiered_router.telemetry\n"
        "heavy = {'openhands.sdk', 'litellm', 'networkx', 'pydantic'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
