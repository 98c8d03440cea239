"""``resolve`` in a container; the daemon is a stand-in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from openhands_tiered_router.cli.resolve import command
from openhands_tiered_router.loopback.scripts import by_turn
from tests.cli.test_resolve import FIX, KEY, commands, config, last  # noqa: F401
from tests.resolver.conftest import git, server  # noqa: F401
from tests.resolver.forge_server import TOKEN, ForgeServer
from tests.resolver.sandbox.conftest import Docker, docker  # noqa: F401


@pytest.mark.timeout(400)
@pytest.mark.slow
def test_a_label_s_tier_serves_in_a_container_that_leaves_nothing(
    docker: Docker,  # noqa: F811
    config: Path,  # noqa: F811
    provider,
    server: ForgeServer,  # noqa: F811
    project: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server.issue["labels"] = [{"name": "tier:reasoning"}, {"name": "budget:3"}]
    server.setters = [("tier:reasoning", "boss"), ("budget:3", "boss")]
    server.roles = {"boss": "admin"}
    for name, value in server.environ().items():
        monkeypatch.setenv(name, value)
    provider.script = by_turn(commands("env > seen.txt", FIX))
    common = ["--config", str(config), "--state-dir", str(tmp_path / "kept")]
    url = f"{server.origin}/o/r/issues/7"
    result = CliRunner().invoke(command, [url, str(project), *common, "--json"])
    assert result.exit_code == 0, result.output
    end = last(result)
    assert (end["sandbox"], end["verified"]) == ("docker", True)
    assert end["cost_usd"] == pytest.approx(provider.total_usd)
    turns = [request.model for request in provider.requests if request.tools]
    assert set(turns) == {"gpt-4.1"}, "the reasoning tier, from the first turn on"
    seen = git(project, "show", f"{end['delivered']['branch']}:seen.txt")
    assert "PATH=" in seen
    assert TOKEN not in seen + json.dumps(docker.calls())
    assert KEY not in seen + json.dumps(docker.calls())
    assert (docker.names("containers"), docker.names("volumes")) == ([], [])
