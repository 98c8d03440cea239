"""``run --sandbox`` on a real agent-server, in a stand-in for Docker and without."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from openhands_tiered_router.cli.run import command
from openhands_tiered_router.loopback.scripts import by_turn
from tests.cli.test_resolve import FIX, KEY, commands, config, last  # noqa: F401
from tests.resolver.conftest import git
from tests.server.conftest import (
    AgentServer,
    models,  # noqa: F401
    server as agent_server,  # noqa: F401
)


type Run = Callable[..., Result]

pytestmark = [pytest.mark.timeout(400)]


@pytest.fixture
def run(config: Path, project: Path, tmp_path: Path) -> Run:  # noqa: F811
    def invoke(*arguments: str) -> Result:
        common = ["--config", str(config), "--state-dir", str(tmp_path / "kept")]
        common += ["--workspace", str(project), "--verify", "--json"]
        return CliRunner().invoke(command, [*arguments, *common])

    return invoke


@pytest.mark.slow
def test_the_change_comes_back_into_the_workspace(
    run: Run,
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
    look = (
        "ls > seen.txt; git status --short > status.txt; git log --oneline >> seen.txt"
    )
    provider.script = by_turn(commands(look, FIX))
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
