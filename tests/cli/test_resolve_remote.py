"""``resolve`` in a container, whose daemon is a stand-in, and where it cannot be."""

from __future__ import annotations

import json
from pathlib import Path

import click
import httpx
import pytest
from click.testing import CliRunner
from filelock import FileLock

from openhands_tiered_router.cli.confirming import ask_there
from openhands_tiered_router.cli.resolve import command
from openhands_tiered_router.loopback import Reply, Request
from openhands_tiered_router.loopback.faults import Fault
from openhands_tiered_router.loopback.scripts import by_turn
from openhands_tiered_router.record.telemetry.query import TelemetryFile
from openhands_tiered_router.resolver.issue import reference_of
from openhands_tiered_router.resolver.record import id_of
from tests.cli.test_resolve import (  # noqa: F401
    FIX,
    KEY,
    Run,
    commands,
    config,
    last,
    resolve,
)
from tests.resolver.conftest import git, server  # noqa: F401
from tests.resolver.forge_server import TOKEN, ForgeServer
from tests.resolver.sandbox.conftest import Docker, docker  # noqa: F401


def test_a_server_that_is_not_there(
    resolve: Run,  # noqa: F811
    config: Path,  # noqa: F811
    project: Path,
) -> None:
    content = json.loads(config.read_text()) | {"sandbox": {"host": "http://[::1]:1"}}
    config.write_text(json.dumps(content))
    result = resolve("It breaks.", str(project), "--sandbox", "remote")
    assert result.exit_code == 1, result.output
    assert "no agent-server answers at http://[::1]:1" in result.stderr


def test_one_run_at_a_time_works_on_an_issue(
    resolve: Run,  # noqa: F811
    provider,
    project: Path,
    tmp_path: Path,
) -> None:
    name = id_of(str(project), reference_of("It breaks.").identity)
    locks = tmp_path / "kept" / "resolver"
    locks.mkdir(parents=True)
    with FileLock(locks / f"{name.hex}.lock"):
        second = resolve("It breaks.", str(project))
    assert second.exit_code == 2, second.output
    assert "another run works on this issue" in second.stderr
    assert not provider.requests


def test_ctrl_c_at_the_question_is_neither_yes_nor_no(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupted(*_: object) -> None:
        raise click.Abort

    monkeypatch.setattr(
        "openhands_tiered_router.cli.confirming.ask_for_all", interrupted
    )
    assert ask_there(conversation=None) is False  # pyright: ignore


@pytest.mark.timeout(400)
@pytest.mark.slow
def test_a_container_works_goes_on_in_another_one_and_leaves_nothing(
    docker: Docker,  # noqa: F811
    config: Path,  # noqa: F811
    provider,
    server: ForgeServer,  # noqa: F811
    project: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All but Docker is real; what serves is the package that is in the image."""
    for name, value in server.environ().items():
        monkeypatch.setenv(name, value)
    answers: list[int] = []
    replies = by_turn(commands("env > seen.txt", FIX))

    def script(request: Request) -> Reply | Fault:
        answers.append(httpx.get(f"{address(docker)}/api/conversations").status_code)
        return replies(request)

    provider.script = script
    url = f"{server.origin}/o/r/issues/7"
    words = [url, str(project), "--config", str(config), "--tier", "reasoning"]
    words += ["--state-dir", str(tmp_path / "kept"), "--json"]
    stopped = CliRunner().invoke(command, [*words, "--budget", "0.0015"])
    assert stopped.exit_code == 6, stopped.output
    assert docker.names("containers") == [], "stopped and removed"
    (volume,) = docker.names("volumes")
    record = TelemetryFile(docker.home / "volumes" / volume / "telemetry.sqlite3")
    assert record.turns(last(stopped)["conversation"])
    before = len(provider.requests)
    result = CliRunner().invoke(command, [*words, "--budget", "1"])
    assert result.exit_code == 0, result.output
    end = last(result)
    assert (end["sandbox"], end["verified"]) == ("docker", True)
    assert end["cost_usd"] == pytest.approx(provider.total_usd)
    turns = [r.model for r in provider.requests[before:] if r.tools]
    assert set(turns) == {"gpt-4.1"}, "the reasoning tier, which a low budget capped"
    assert set(answers) == {401}, "nobody else may use it"
    assert list(docker.home.glob("images/*/*/server/__pycache__/preload.*"))
    assert len(docker.calls("build")) == len(docker.names("images")), "each one once"
    seen = git(project, "show", f"{end['delivered']['branch']}:seen.txt")
    assert "PATH=" in seen
    assert TOKEN not in seen + json.dumps(docker.calls())
    assert KEY not in seen + json.dumps(docker.calls())
    assert (docker.names("containers"), docker.names("volumes")) == ([], [])


def address(docker: Docker) -> str:  # noqa: F811
    words = docker.calls("run")[-1]
    return f"http://127.0.0.1:{words[words.index('-p') + 1].split(':')[-2]}"
