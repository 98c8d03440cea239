"""``run --sandbox docker``; the daemon is a stand-in, all else is real."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from click.testing import CliRunner, Result
from filelock import FileLock

from openhands_tiered_router.cli.run import command
from openhands_tiered_router.loopback import Reply, Request
from openhands_tiered_router.loopback.faults import Fault
from openhands_tiered_router.loopback.scripts import by_turn
from openhands_tiered_router.record.telemetry.query import TelemetryFile
from tests.cli.test_resolve import FIX, KEY, commands, config, last  # noqa: F401
from tests.resolver.sandbox.conftest import Docker, docker  # noqa: F401


LOOK = "ls > seen.txt; git log --oneline >> seen.txt; git status --short > status.txt"

type Run = Callable[..., Result]


@pytest.fixture
def run(config: Path, project: Path, tmp_path: Path) -> Run:  # noqa: F811
    def invoke(*arguments: str) -> Result:
        common = ["--config", str(config), "--state-dir", str(tmp_path / "kept")]
        common += ["--workspace", str(project), "--verify", "--json"]
        return CliRunner().invoke(command, [*arguments, *common])

    return invoke


def test_what_is_missing_is_told_before_anything_is_done(
    run: Run,
    docker: Docker,  # noqa: F811
    provider,
    project: Path,
) -> None:
    nobody = run("--task", "Make it 2.", "--sandbox", "remote")
    assert nobody.exit_code == 2, nobody.output
    assert "set host in [sandbox]" in nobody.stderr
    docker.breaks("daemon")
    down = run("--task", "Make it 2.", "--sandbox", "docker")
    assert down.exit_code == 2, down.output
    assert "Cannot connect to the Docker daemon" in down.stderr
    assert "--sandbox local" in down.stderr
    assert not provider.requests


def test_one_run_at_a_time_works_on_a_conversation(
    run: Run,
    docker: Docker,  # noqa: F811
    tmp_path: Path,
) -> None:
    name = uuid4()
    private = tmp_path / "kept" / "sandboxed" / name.hex
    private.mkdir(parents=True)
    (private / "sandbox").write_text("docker")
    with FileLock(private / "lock"):
        second = run("--resume", str(name), "--task", "Go on.")
    assert second.exit_code == 2, second.output
    assert f"another run works on {name}" in second.stderr
    assert not docker.calls("run")


def test_a_server_that_is_not_there(
    run: Run,
    config: Path,  # noqa: F811
) -> None:
    content = json.loads(config.read_text()) | {"sandbox": {"host": "http://[::1]:1"}}
    config.write_text(json.dumps(content))
    result = run("--task", "Make it 2.", "--sandbox", "remote")
    assert result.exit_code == 1, result.output
    assert "no agent-server answers at http://[::1]:1" in result.stderr


def test_a_conversation_stays_where_it_began(run: Run, tmp_path: Path) -> None:
    conversation = uuid4()
    place = tmp_path / "kept" / "sandboxed" / conversation.hex
    place.mkdir(parents=True)
    (place / "sandbox").write_text("docker")
    result = run("--resume", str(conversation), "--sandbox", "local")
    assert result.exit_code == 2, result.output
    assert "began with docker" in result.output


@pytest.mark.timeout(400)
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

    def script(request: Request) -> Reply | Fault:
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
    assert list(docker.home.glob("images/*/*/server/__pycache__/preload.*"))
    assert len(docker.calls("build")) == len(docker.names("images")), "each one once"
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
