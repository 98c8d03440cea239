"""``tiered-router verdict``: recording verdicts, and what they come to."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from openhands_tiered_router.cli.verdict import command
from openhands_tiered_router.record.telemetry.recorder import (
    TelemetryRecorder,
    recorder_for,
)
from openhands_tiered_router.record.telemetry.records import Verdict


@pytest.fixture
def recorder(tmp_path: Path) -> TelemetryRecorder:
    return recorder_for(tmp_path / "telemetry.sqlite3")


def verdict(*arguments: str) -> Result:
    return CliRunner().invoke(command, arguments)


def verified(recorder: TelemetryRecorder, name: str, *accepted: bool | None) -> None:
    for at, said in enumerate(accepted):
        recorder.record(
            Verdict(conversation_id=name, time=at, accepted=said, reason="test")
        )
    assert recorder.flush(60)


def test_rates_are_taken_from_the_last_verdict_of_each_judge(
    recorder: TelemetryRecorder,
) -> None:
    verified(recorder, "good", False, True)
    verified(recorder, "good, but not judged", None)
    verified(recorder, "bad", True)
    verified(recorder, "open", True)
    for name in ("good", "good, but not judged"):
        assert verdict(name, "--accepted").exit_code == 0
    assert verdict("bad", "--accepted", "--by", "ci").exit_code == 0
    assert verdict("bad", "--rejected").exit_code == 0
    rates = json.loads(verdict("--rates", "--json").output)
    assert (rates["verified"], rates["accepted"]) == (4, 3)
    true, false = rates["true_accept"], rates["false_accept"]
    assert (true["hits"], true["count"]) == (1, 2)
    assert (false["hits"], false["count"]) == (1, 1)
    # Wilson's interval for 1 of 2 and for 1 of 1.
    assert (true["low"], true["high"]) == pytest.approx((0.0945, 0.9055), abs=1e-4)
    assert (false["low"], false["high"]) == pytest.approx((0.2065, 1.0), abs=1e-4)
    shown = verdict("--rates").output
    assert "good work accepted: 50% of 2 (95 % interval 9% to 91%)" in shown


def test_a_conversation_may_be_named_as_its_directory_is(
    recorder: TelemetryRecorder,
) -> None:
    name = "1f0c0c62-0000-4000-8000-000000000000"
    verified(recorder, name, True)
    result = verdict(name.replace("-", ""), "--accepted", "--json")
    assert json.loads(result.output)["conversation"] == name


def test_without_verdicts_of_others_nothing_is_claimed() -> None:
    result = verdict("--rates")
    assert result.exit_code == 0
    assert result.output.count("not known") == 2


def test_a_verdict_is_answered_in_json(recorder: TelemetryRecorder) -> None:
    verified(recorder, "c", True)
    result = verdict("c", "--rejected", "--by", "ci", "--json")
    assert json.loads(result.output) == {
        "conversation": "c",
        "judge": "ci",
        "accepted": False,
    }


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "give a conversation, or --rates"),
        (("c", "--rates"), "give a conversation, or --rates"),
        (("c",), "say --accepted or --rejected"),
        (("c", "--accepted", "--by", "verifier"), "the verifier's own name"),
        (("other", "--accepted"), "no conversation 'other' is recorded"),
    ],
)
def test_what_cannot_be_recorded_is_refused(
    recorder: TelemetryRecorder, arguments: tuple[str, ...], said: str
) -> None:
    verified(recorder, "c", True)
    result = verdict(*arguments)
    assert result.exit_code == 2
    assert said in result.output


def test_a_record_that_is_switched_off_or_broken_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken.sqlite3"
    broken.write_text("no database" * 100)
    result = verdict("--rates", "--telemetry", str(broken))
    assert result.exit_code == 2
    assert str(broken) in result.output
    monkeypatch.setenv("TIERED_ROUTER_TELEMETRY", "off")
    assert "telemetry is off" in verdict("--rates").output
