"""``tiered-router keys``, without a gateway; with one: tests/gateway/test_keys.py."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from openhands_tiered_router.cli import tiered_router


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    path = tmp_path / "tiered-router.toml"
    path.write_text('[[tiers.complex.endpoints]]\nmodel = "openai/gpt-4o"\n')
    return str(path)


def keys(config: str, *words: str) -> Result:
    line = ["keys", *words, "--config", config]
    return CliRunner().invoke(tiered_router, line, catch_exceptions=False)


def test_a_key_from_its_making_to_its_end(config: str, tmp_path: Path) -> None:
    made = keys(config, "add", "alice", "--usd-day", "5")
    key = made.stdout.strip()
    assert "up to $5 a day" in made.stderr
    limits = json.loads(keys(config, "limit", "alice", "--usd", "9", "--json").stdout)
    assert limits == {"name": "alice", "usd": 9.0, "usd_day": 5.0}
    (row,) = json.loads(keys(config, "list", "--json").stdout)
    assert (row["name"], row["ever"]["limit"], row["day"]["limit"]) == ("alice", 9, 5)
    assert key not in "".join(
        p.read_text("latin-1") for p in tmp_path.rglob("*") if p.is_file()
    )
    gone = keys(config, "revoke", "alice", "--json")
    assert json.loads(gone.stdout) == {"name": "alice", "revoked": True}
    assert keys(config, "list").stdout.startswith("No keys.")
    assert keys(config, "revoke", "alice").exit_code == 2
