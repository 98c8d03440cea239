"""``watch`` and ``status``: what is alive."""

import json
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from openhands_tiered_router.cli.here import CONFIG_SUFFIXES, config_here
from openhands_tiered_router.config.find import find_config
from openhands_tiered_router.config.parse import PARSERS
from openhands_tiered_router.policy.decision import Decision
from openhands_tiered_router.policy.outcome import Outcome
from openhands_tiered_router.record.report.live import live
from openhands_tiered_router.record.telemetry.process import config_fingerprint
from openhands_tiered_router.record.telemetry.records import routed
from openhands_tiered_router.record.telemetry.store import Store
from openhands_tiered_router.tiers import Tier
from tests.cli.recorded import NAME, run


def test_watch_shows_what_runs(file: Path) -> None:
    said = run("watch", "--telemetry", file, "--once").stdout
    assert "soft limit: $18 per day (team)" in said
    assert "not called now: complex" in said
    line = json.loads(run("watch", "--telemetry", file, "--once", "--json").stdout)
    (running,) = line["running"]
    assert running["cost"] == pytest.approx(0.0017)
    assert running["instead"] == "complex"
    assert running["instead_usd"] == pytest.approx(0.0085)
    assert (line["turns"][0]["decision"], line["turns"][0]["turn"]) == (NAME, 1)
    assert live(file, within=1.0).running == ()


def test_status_is_one_line(file: Path) -> None:
    result = run("status", "--telemetry", file)
    assert result.exit_code == 0
    assert result.stdout.count("\n") == 1
    for part in (
        "simple turn 1 $0.0017",
        "80% below always complex",
        "not called now: complex",
    ):
        assert part in result.stdout
    found = json.loads(run("status", "--telemetry", file, "--json").stdout)
    assert found["running"][0]["turn"] == 1
    assert found["line"] == result.stdout.strip()


def test_what_ended_does_not_run(file: Path) -> None:
    """Neither when its process is gone, nor when its last word was to finish."""
    change = "UPDATE conversations SET process = ?"
    with sqlite3.connect(file) as connection:
        (alive,) = connection.execute("SELECT process FROM conversations").fetchone()
        ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"],
                               capture_output=True, text=True, check=True)  # fmt: skip
        connection.execute(change, (ended.stdout.strip() + ":1",))
    assert run("status", "--telemetry", file).stdout.startswith("idle | today $0.00")
    assert "not called" not in run("watch", "--telemetry", file, "--once").stdout
    with sqlite3.connect(file) as connection:
        connection.execute(change, (alive,))
    assert "turn 1" in run("status", "--telemetry", file).stdout
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE tool_results SET action_kind = 'finish'")
    assert run("status", "--telemetry", file).stdout.startswith("idle")


def test_only_what_this_configuration_routes_is_alive_here(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, other = tmp_path / "mine.toml", tmp_path / "other.toml"
    with sqlite3.connect(file) as connection:
        sql = "UPDATE conversations SET config = ?"
        connection.execute(sql, (config_fingerprint(mine),))
    monkeypatch.setenv("TIERED_ROUTER_CONFIG", str(mine))
    assert "turn 1" in run("status", "--telemetry", file).stdout
    monkeypatch.setenv("TIERED_ROUTER_CONFIG", str(other))
    assert run("status", "--telemetry", file).stdout == "idle | today $0.00\n"
    assert "Nothing is running." in run("watch", "--telemetry", file, "--once").stdout
    assert "turn 1" in run("status", "--telemetry", file, "--all").stdout
    said = run("status", "--telemetry", file, "--config", mine).stdout
    assert "turn 1" in said


def test_a_conversation_without_a_turn_is_starting(tmp_path: Path) -> None:
    path = tmp_path / "t.sqlite3"
    title = Decision(tier=Tier.SIMPLE, endpoint="simple", required=Tier.SIMPLE)
    store = Store(path)
    store.write(
        [
            routed(
                title,
                Outcome(endpoint="simple", attempts=(), cost=0.0),
                decision_id="d",
                conversation_id="c",
                time=time.time(),
                purpose="title",
            )
        ]
    )
    store.close()
    assert run("status", "--telemetry", path).stdout.startswith("starting $0.0000 |")


def test_the_configuration_is_looked_for_where_the_router_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".openhands").mkdir()
    for place in (".openhands/tiered-router.yaml", "tiered-router.json",
                  "tiered-router.toml"):  # fmt: skip
        (tmp_path / place).touch()
        found = find_config().path
        assert found is not None
        assert config_here(None) == config_fingerprint(found)
    assert tuple(PARSERS) == CONFIG_SUFFIXES


def test_status_never_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "broken.sqlite3"
    broken.write_bytes(b"no database, " * 100)
    other = tmp_path / "other.sqlite3"
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE t (x)")
    for path, said in (
        (tmp_path / "none", "nothing recorded yet"),
        (broken, "unreadable"),
        (other, "unreadable"),
        (tmp_path, "unreadable"),
    ):
        result = run("status", "--telemetry", path)
        assert result.exit_code == 0
        assert said in result.stdout
    monkeypatch.setenv("TIERED_ROUTER_TELEMETRY", "off")
    assert run("status").stdout == "telemetry off\n"


def test_unreadable_files_are_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.sqlite3"
    broken.write_bytes(b"no database, " * 100)
    for command in ("report", "watch"):
        result = run(command, "--telemetry", broken)
        assert result.exit_code == 2
        assert str(broken) in result.stderr


def test_watch_names_a_configuration_that_is_not_there(file: Path) -> None:
    result = run("watch", "--telemetry", file, "--once", "--config", "typo.toml")
    assert result.exit_code == 2
    assert "typo.toml does not exist" in result.stderr
