"""Where the file is, and how it is switched off."""

from __future__ import annotations

from pathlib import Path

import pytest

from openhands_tiered_router.record.telemetry.opening import path_from, standard_path


def test_the_standard_place_is_the_users_state_directory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr("sys.platform", "linux")
    assert path_from({}) == standard_path()
    assert standard_path().name == "telemetry.sqlite3"
    assert standard_path().parent.name == "tiered-router"


def test_the_variable_names_a_file() -> None:
    assert path_from({"TIERED_ROUTER_TELEMETRY": "/tmp/x.db"}) == Path("/tmp/x.db")
    home = path_from({"TIERED_ROUTER_TELEMETRY": "~/x.db"})
    assert home == Path.home() / "x.db"


@pytest.mark.parametrize("value", ["off", "OFF", "0", "false", " no "])
def test_the_variable_switches_off(value: str) -> None:
    assert path_from({"TIERED_ROUTER_TELEMETRY": value}) is None


@pytest.mark.parametrize("value", ["a\0b", "~nobody-of-that-name/x"])
def test_a_value_that_is_no_path_switches_off_with_a_warning(
    value: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert path_from({"TIERED_ROUTER_TELEMETRY": value}) is None
    (message,) = caplog.messages
    assert "TIERED_ROUTER_TELEMETRY" in message
    assert "'off'" in message
