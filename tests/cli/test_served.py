"""``run`` and ``resolve`` on a real agent-server in a process of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from openhands_tiered_router.cli import resolve, run as run_module
from openhands_tiered_router.cli.run import command as run_command
from openhands_tiered_router.loopback.scripts import by_turn
from openhands_tiered_router.resolver.sandbox.opening import ROOT
from tests.cli.test_resolve import FIX, KEY, commands, config, last  # noqa: F401
from tests.cli.test_run_sandbox import LOOK, Run, run  # noqa: F401
from tests.resolver.conftest import git
from tests.server.conftest import (
    AgentServer,
    models,  # noqa: F401
    server as agent_server,  # noqa: F401
)


pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.xdist_group("served"),
]


def test_run_brings_the_change_back_into_the_workspace(
    run: Run,  # noqa: F811
    agent_server: AgentServer,  # noqa: F811
    config: Path,  # noqa: F811
    provider,
    project: Path,
) -> None:
    content = json.loads(config.read_text()) | {"sandbox": {"host": agent_server.url}}
    config.write_text(json.dumps(content))
    (project / "uncommitted.txt").write_text("mine\n")
    (project / "ignored").mkdir()
    (project / "ignored" / "secret").write_text("x\n")
    provider.script = by_turn(commands(LOOK, FIX))
    stopped = run("--task", "Make it 2.", "--sandbox", "remote", "--budget", "0.0015")
    assert stopped.exit_code == 6, stopped.output
    first = last(stopped)
    assert (first["status"], first["sandbox"]) == ("paused", "remote")
    finished = run("--resume", first["conversation"], "--budget", "1")
    assert finished.exit_code == 0, finished.output
    end = last(finished)
    assert end["verification"]["status"] == "verified"
    assert end["cost_usd"] == pytest.approx(provider.total_usd)
    assert sum(end["tiers"].values()) == len(provider.charged)
    assert (project / "code.py").read_text() == "value = 2\n"
    seen = (project / "seen.txt").read_text()
    assert "uncommitted.txt" in seen
    assert "ignored\n" not in seen
    assert "First" in seen
    assert "?? uncommitted.txt" in (project / "status.txt").read_text()
    assert git(project, "log", "--oneline").count("\n") == 0
    assert KEY not in finished.output
    turns = [json.loads(line) for line in finished.stdout.splitlines()]
    tiers = {t["tier"] for t in turns if t["type"] == "turn"}
    assert tiers <= {"simple", "complex"}


def test_the_first_action_waits_for_a_yes_at_the_terminal(
    run: Run,  # noqa: F811
    agent_server: AgentServer,  # noqa: F811
    config: Path,  # noqa: F811
    provider,
    project: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    content = json.loads(config.read_text()) | {"sandbox": {"host": agent_server.url}}
    content["confirm"] = {"enabled": True, "mode": "stop"}
    config.write_text(json.dumps(content))
    provider.script = by_turn(commands(f"rm -rf pyproject.toml; {FIX}"))
    first = run("--task", "Make it 2.", "--sandbox", "remote")
    assert first.exit_code == 8, first.output
    resume = ["--resume", last(first)["conversation"]]
    again = run(*resume)
    assert again.exit_code == 8, again.output
    assert (project / "pyproject.toml").exists(), "to run again is no yes"
    monkeypatch.setattr(run_module, "can_ask", lambda: True)
    words = [*resume, "--config", str(config), "--state-dir", str(tmp_path / "kept")]
    words += ["--workspace", str(project), "--verify"]
    asked = CliRunner().invoke(run_command, words, input="y\n" * 3)
    assert asked.exit_code == 0, asked.output
    assert not (project / "pyproject.toml").exists()


def test_resolve_brings_the_change_back(
    agent_server: AgentServer,  # noqa: F811
    config: Path,  # noqa: F811
    provider,
    project: Path,
    tmp_path: Path,
) -> None:
    content = json.loads(config.read_text()) | {"sandbox": {"host": agent_server.url}}
    config.write_text(json.dumps(content))
    unfit = commands("echo x > other.txt")
    provider.script = by_turn([*unfit, *commands(FIX)])
    common = ["--config", str(config), "--state-dir", str(tmp_path / "kept")]
    arguments = ["It breaks.", str(project), "--sandbox", "remote", *common, "--json"]
    unverified = CliRunner().invoke(resolve.command, arguments)
    assert unverified.exit_code == 5, unverified.output
    assert (Path(last(unverified)["kept_in"]) / "other.txt").exists()
    result = CliRunner().invoke(resolve.command, arguments)
    assert result.exit_code == 0, result.output
    end = last(result)
    assert end["sandbox"] == "remote"
    assert end["verified"]
    assert end["resumed"]
    assert end["cost_usd"] == pytest.approx(provider.total_usd)
    assert not Path(ROOT, end["conversation"].replace("-", "")).exists()
    branch = end["delivered"]["branch"]
    assert git(project, "show", f"{branch}:code.py") == "value = 2"
    assert KEY not in result.output
