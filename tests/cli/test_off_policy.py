"""Judging policies by what is on record, from a telemetry file to a table."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from openhands_tiered_router.cli.calibrate import command
from openhands_tiered_router.policy.outcome import Attempt, Outcome
from openhands_tiered_router.policy.policy import Policy
from openhands_tiered_router.record.telemetry.recorder import recorder_for
from openhands_tiered_router.tiers import Tier
from tests.record.calibrate.test_redecide import session


pytest.importorskip("sklearn")

CONFIG = """
default_tier = "complex"
{extra}
""" + "\n".join(
    f"""
[[tiers.{tier}.endpoints]]
model = "example/{tier}"
base_url = "http://localhost:1"
input_cost_per_token = {scale}e-6
output_cost_per_token = {5 * scale}e-6
cache_read_input_token_cost = {scale}e-7
cache_creation_input_token_cost = {1.25 * scale}e-6
"""
    for tier, scale in zip(Tier, (0.1, 1, 3, 5), strict=True)
)


def config(tmp_path: Path, name: str, extra: str = "") -> Path:
    path = tmp_path / f"{name}.toml"
    path.write_text(CONFIG.format(extra=extra))
    return path


def record(path: Path, sessions: int) -> Path:
    """Explored sessions in which each tier has one cost, in hundredths of a dollar."""
    recorder = recorder_for(path)
    for number in range(sessions):
        for turn, (at, decision) in enumerate(session(number, Policy(), 2.0, 0.5)):
            key = f"{number}-{turn}"
            recorder.record_decision(
                decision,
                decision_id=key,
                conversation_id=f"s{number}",
                time=at,
                turn=turn,
                model=f"example/{decision.tier}",
            )
            outcome = Outcome(
                endpoint=decision.endpoint,
                attempts=(Attempt(endpoint=decision.endpoint, error=None, seconds=1),),
                cost=0.01 * (1 + decision.tier),
                response_id=key,
            )
            recorder.record_outcome(
                key, outcome, conversation_id=f"s{number}", time=at, tier=decision.tier
            )
    assert recorder.flush(60)
    return path


@pytest.fixture(scope="module")
def telemetry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record(tmp_path_factory.mktemp("logs") / "t.sqlite3", 38)


def run(*arguments: Any) -> Result:
    return CliRunner().invoke(command, list(map(str, arguments)))


def test_the_policy_that_logged_and_a_thriftier_one(
    telemetry: Path, tmp_path: Path
) -> None:
    same = config(tmp_path, "same")
    frugal = config(tmp_path, "frugal", "[policy]\neconomy = 0.6")
    policies = ("--policy", same, "--policy", frugal)
    result = run("--from", telemetry, *policies, "--json")
    assert result.exit_code == 0, result.output
    first, second = json.loads(result.stdout)
    assert first["support"]["different"] == 0.0
    assert first["support"]["untried"] == 0.0
    usd = second["outcomes"]["USD a turn"]
    assert second["support"]["different"] > 0.02
    assert usd["difference"]["high"] < 0.0
    assert usd["doubly_robust"]["value"] == pytest.approx(
        usd["logged"]["value"] + usd["difference"]["value"]
    )
    table = run("--from", telemetry, *policies[2:])
    assert "frugal.toml" in table.stdout
    assert "USD a session" in table.stdout
    assert "verified sessions, by turn: known in too few sessions" in table.stdout


def test_thin_logs_are_refused_with_what_is_lacking(tmp_path: Path) -> None:
    thin = record(tmp_path / "thin.sqlite3", 5)
    result = run("--from", thin, "--policy", config(tmp_path, "same"))
    assert result.exit_code == 3
    assert "about 25 more sessions" in " ".join(result.stdout.split())


def test_other_models_are_refused(telemetry: Path, tmp_path: Path) -> None:
    other = config(tmp_path, "other")
    other.write_text(other.read_text().replace("example/complex", "example/new"))
    result = run("--from", telemetry, "--policy", other)
    assert result.exit_code == 2
    assert "only a policy for the same models can be judged" in result.stderr


def test_logs_without_exploration_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = tmp_path / "none.sqlite3"
    recorder = recorder_for(empty)
    _, decision = next(session(0, Policy(), 2.0))
    recorder.record_decision(
        replace(decision, situation=None),
        decision_id="d",
        conversation_id="c",
        time=1.0,
    )
    assert recorder.flush(60)
    monkeypatch.setenv("TIERED_ROUTER_TELEMETRY", str(empty))
    result = run("--from", "telemetry", "--policy", config(tmp_path, "same"))
    assert result.exit_code == 3
    assert "set share in [explore]" in result.stderr


def test_an_economy_is_not_fitted_to_too_few_sessions(
    telemetry: Path, tmp_path: Path
) -> None:
    fitted = tmp_path / "fitted.json"
    policy = config(tmp_path, "same")
    result = run("--from", telemetry, "--policy", policy, "--fitted", fitted)
    assert result.exit_code == 3
    assert result.stderr.startswith("nothing written: ")
    assert not fitted.exists()
