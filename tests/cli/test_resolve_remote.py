"""``resolve --sandbox remote`` on a real agent-server in a process of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from openhands_tiered_router.cli.resolve import command
from openhands_tiered_router.sandbox.opening import ROOT
from openhands_tiered_router.loopback.scripts import by_turn
from tests.cli.test_resolve import FIX, KEY, commands, config, last  # noqa: F401
from tests.resolver.conftest import git
from tests.server.conftest import (
    AgentServer,
    models,  # noqa: F401
    server as agent_server,  # noqa: F401
)


@pytest.mark.slow
def test_the_change_comes_back_from_the_server(
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
    unverified = CliRunner().invoke(command, arguments)
    assert unverified.exit_code == 5, unverified.output
    assert (Path(last(unverified)["kept_in"]) / "other.txt").exists()
    result = CliRunner().invoke(command, arguments)
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
