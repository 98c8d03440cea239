"""``run --sandbox`` on a real agent-server, in a stand-in for Docker and without."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner, Result

from openhands_tiered_router.cli.run import command
from openhands_tiered_router.loopback import Reply, Request
from openhands_tiered_router.loopback.scripts import by_turn
from openhands_tiered_router.telemetry.query import TelemetryFile
from tests.cli.test_resolve import FIX, KEY, commands, config, last  # noqa: F401
from tests.resolver.conftest import git
from tests.sandbox.conftest import Docker, docker  # noqa: F401
from tests.server.conftest import (
    AgentServer,
    models,  # noqa: F401
    server as agent_server,  # noqa: F401
)


LOOK = "ls > seen.txt; git log --oneline >> seen.txt; git status --short > status.txt"

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


@pytest.mark.slow
def test_a_container_works_and_goes_on_in_another_one(
    run: Run,
    docker: Docker,  # noqa: F811
    provider,
    project: Path,
) -> None:
    """All but Docker is real; what serves is the package that is in the image."""
    answers: list[int] = []
    replies = by_turn(commands(LOOK, FIX))

    def script(request: Request) -> Reply:
        answers.append(httpx.get(f"{address(docker)}/api/conversations").status_code)
        return replies(request)

    provider.script = script
    stopped = run("--task", "Make it 2.", "--sandbox", "docker", "--budget", "0.0015")
    assert stopped.exit_code == 6, stopped.output
    assert docker.names("containers") == [], "stopped and removed"
    first = last(stopped)
    assert (project / "code.py").read_text() == "value = 1\n"
    (project / "meanwhile.txt").write_text("mine\n")
    finished = run("--resume", first["conversation"], "--budget", "1")
    assert finished.exit_code == 0, finished.output
    end = last(finished)
    assert end["verification"]["status"] == "verified"
    assert end["cost_usd"] == pytest.approx(provider.total_usd)
    assert sum(end["tiers"].values()) == len(provider.charged)
    assert (project / "code.py").read_text() == "value = 2\n"
    assert "code.py" in end["changed"]
    assert docker.names("containers") == []
    assert set(answers) == {401}, "nobody else may use it"
    assert KEY not in json.dumps(docker.calls())
    (name,) = docker.names("images")
    assert list(docker.home.glob(f"images/{name}/*/server/__pycache__/preload.*"))
    assert len(docker.calls("build")) == 1
    (volume,) = docker.names("volumes")
    record = TelemetryFile(docker.home / "volumes" / volume / "telemetry.sqlite3")
    assert record.turns(first["conversation"])
    notes = [json.loads(line) for line in stopped.stdout.splitlines()]
    said = " ".join(n["text"] for n in notes if n["type"] == "note")
    assert f"Docker volume {volume}" in said
    assert "write host.docker.internal" in said


def address(docker: Docker) -> str:  # noqa: F811
    words = docker.calls("run")[-1]
    return f"http://127.0.0.1:{words[words.index('-p') + 1].split(':')[-2]}"
