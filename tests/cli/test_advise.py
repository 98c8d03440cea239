"""``tiered-router advise``."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from openhands_tiered_router.cli.advise import command
from openhands_tiered_router.config import parse_config
from openhands_tiered_router.config.keys import USUAL_VARIABLES


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for names in USUAL_VARIABLES.values():
        for name in names:
            monkeypatch.delenv(name, raising=False)
    for provider in ("MINIMAX", "ZAI", "DASHSCOPE", "DEEPINFRA"):
        monkeypatch.delenv(f"{provider}_API_KEY", raising=False)


def run(*args: str) -> Result:
    return CliRunner().invoke(command, list(args), catch_exceptions=False)


def report(*args: str) -> dict[str, Any]:
    result = run("--json", *args)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_only_models_whose_keys_are_set_are_advised(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-secret")
    result = run("--json")
    assert "sk-secret" not in result.output
    found = json.loads(result.stdout)
    assert found["tiers"]
    for row in found["tiers"].values():
        assert row["model"].startswith("anthropic/claude")
    assert "anthropic" in found["note"]


def test_without_any_key_all_are_looked_at_and_that_is_said() -> None:
    found = report()
    assert "no provider's key is set" in found["note"]
    assert len(found["tiers"]) == 4


def test_a_higher_value_pays_for_more_success() -> None:
    worth = [
        report("--any", "--value", value)["way"]["success"]
        for value in ("0.5", "5", "50")
    ]
    assert worth == sorted(worth)
    assert worth[0] < worth[-1]


def test_without_a_verifier_one_model_does_it_all() -> None:
    assert len(report("--any", "--no-verify")["way"]["models"]) == 1
    assert len(report("--any")["way"]["models"]) > 1


def test_the_configuration_can_be_used(tmp_path: Path) -> None:
    path = tmp_path / "new" / "router.toml"
    result = run("--any", "--value", "7", "--write", str(path))
    assert result.exit_code == 0
    config = parse_config(tomllib.loads(path.read_text()), str(path))
    models = [e.model for e in config.endpoints().values()]
    assert len(models) == 4
    assert not any((model or "").startswith("PROVIDER/") for model in models)
    assert config.verify.enabled
    again = run("--any", "--write", str(path))
    assert again.exit_code == 2
    assert str(path) in again.output


def test_the_plot_is_a_page_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "models.html"
    assert run("--any", "--plot", str(path)).exit_code == 0
    text = path.read_text()
    assert "<svg" in text
    assert "://" not in text.replace("http://www.w3.org/2000/svg", "")


def test_a_choice_among_given_models_is_kept_to() -> None:
    found = report("--model", "claude-opus-4-8", "--model", "minimax/MiniMax-M3")
    names = {row["name"] for row in found["tiers"].values()}
    assert names <= {"claude-opus-4-8", "MiniMax-M3"}


def test_an_unknown_model_is_refused_with_those_that_are_known() -> None:
    result = run("--model", "gpt-2")
    assert result.exit_code == 2
    assert "gpt-2" in result.output
    assert "claude-opus-4-8" in result.output


def test_what_a_person_sees_fits_into_80_columns() -> None:
    result = run("--any")
    shown = result.output.partition("Configuration (or")[0]
    assert all(len(line) <= 80 for line in shown.splitlines())
    assert "DeepSeek-V4-Pro" in shown


def test_a_file_in_the_way_is_named_and_kept(tmp_path: Path) -> None:
    there = tmp_path / "tiered-router.toml"
    there.write_text("mine")
    result = run("--write", str(there))
    assert result.exit_code == 2
    assert f"{there} exists; name another file" in result.stderr
    assert there.read_text() == "mine"
    result = run("--plot", str(tmp_path / "none" / "page.html"))
    assert result.exit_code == 2
    assert "page.html: cannot be written: No such file" in result.stderr
