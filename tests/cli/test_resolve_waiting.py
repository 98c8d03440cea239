"""``resolve`` with actions that wait for a yes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from openhands_tiered_router.cli import resolve as command
from openhands_tiered_router.loopback.scripts import by_turn
from tests.cli.test_resolve import (  # noqa: F401
    FIX,
    Run,
    commands,
    config,
    last,
    resolve,
)


@pytest.mark.slow
def test_running_again_is_no_yes(
    resolve: Run,  # noqa: F811
    config: Path,  # noqa: F811
    provider,
    project: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    content = json.loads(config.read_text())
    content["confirm"] = {"enabled": True, "mode": "stop"}
    config.write_text(json.dumps(content))
    provider.script = by_turn(commands(f"rm -rf pyproject.toml; {FIX}"))
    for _ in range(2):
        stopped = resolve("It breaks.", str(project))
        found = last(stopped)
        assert (stopped.exit_code, found["status"]) == (8, "waiting_for_confirmation")
        assert Path(found["kept_in"], "pyproject.toml").exists()
    assert len(provider.charged) == 1
    monkeypatch.setattr(command, "can_ask", lambda: True)
    words = ["It breaks.", str(project), "--config", str(config), "--sandbox", "local"]
    words += ["--state-dir", str(tmp_path / "kept")]
    asked = CliRunner().invoke(command.command, words, input="y\n" * 3)
    assert "Run all of it?" in asked.stderr
    assert asked.exit_code == 0, asked.output
