"""``resolve`` on a real agent-server in a process of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from openhands_tiered_router.cli import resolve as command
from openhands_tiered_router.loopback.scripts import by_turn
from openhands_tiered_router.resolver.sandbox.opening import ROOT
from tests.cli.test_resolve import (  # noqa: F401
    FIX,
    KEY,
    Run,
    commands,
    config,
    last,
    resolve,
)
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


def test_the_first_action_waits_for_a_yes_at_the_terminal(
    resolve: Run,  # noqa: F811
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
    words = ["It breaks.", str(project), "--sandbox", "remote"]
    for _ in range(2):  # to run again is no yes
        waits = resolve(*words)
        assert waits.exit_code == 8, waits.output
        assert Path(last(waits)["kept_in"], "pyproject.toml").exists()
    monkeypatch.setattr(command, "can_ask", lambda: True)
    words += ["--config", str(config), "--state-dir", str(tmp_path / "kept")]
    asked = CliRunner().invoke(command.command, words, input="y\n" * 3)
    assert asked.exit_code == 0, asked.output
    branch = git(project, "for-each-ref", "--format=%(refname)", "refs/heads/tiered-*/")
    assert "pyproject.toml" not in git(project, "ls-tree", "--name-only", branch)


def test_resolve_brings_the_change_back(
    resolve: Run,  # noqa: F811
    agent_server: AgentServer,  # noqa: F811
    config: Path,  # noqa: F811
    provider,
    project: Path,
) -> None:
    content = json.loads(config.read_text()) | {"sandbox": {"host": agent_server.url}}
    config.write_text(json.dumps(content))
    unfit = commands("echo x > other.txt")
    provider.script = by_turn([*unfit, *commands(FIX)])
    words = ["It breaks.", str(project), "--sandbox", "remote"]
    unverified = resolve(*words)
    assert unverified.exit_code == 5, unverified.output
    assert (Path(last(unverified)["kept_in"]) / "other.txt").exists()
    result = resolve(*words)
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
