"""``tiered-router config``: what is written is what those programs read."""

from __future__ import annotations

import json
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from openhands.sdk.llm import LLM

from openhands_tiered_router.cli.config import FORMS, command
from openhands_tiered_router.config import load_config, parse_config


KEY = "sk-ant-api03-precious0123456789"
LITERAL = "sk-literal-precious0123456789"
CONFIG = f"""
[[tiers.simple.endpoints]]
model = "anthropic/claude-haiku-4-5"
temperature = 0.2
extra_headers = {{ Authorization = "Bearer precious" }}

[[tiers.complex.endpoints]]
model = "openai/own"
base_url = "http://model.example/v1"
api_key = "{LITERAL}"
input_cost_per_token = 1e-6
output_cost_per_token = 2e-6
max_input_tokens = 50_000

[policy]
task_value = 2.0

[[budgets]]
name = "day"
usd = 5.0
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "router.toml"
    path.write_text(CONFIG)
    return path


def run(path: Path, verb: str, *arguments: object) -> Result:
    return CliRunner().invoke(
        command,
        [verb, "--config", str(path), *map(str, arguments)],
        env={"ANTHROPIC_API_KEY": KEY, "TIERED_ROUTER_GATEWAY_KEY": "sk-gate-precious"},
    )


def export(path: Path, form: str, *arguments: object) -> str:
    result = run(path, "export", "--for", form, *arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def sourced(text: str, **environ: str) -> dict[str, str]:
    """What a shell makes of it."""
    done = subprocess.run(
        ["sh", "-c", f"{text}\nenv"],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": "/usr/bin:/bin", **environ},
    )
    return dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)


@pytest.mark.parametrize("form", FORMS)
def test_no_key_is_ever_in_it(path: Path, form: str) -> None:
    assert "precious" not in export(path, form)
    answer = json.loads(export(path, form, "--json"))
    assert answer == {"for": form, "text": export(path, form)}


def test_environment_of_an_sdk_script(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = export(path, "env", "--address", "http://127.0.0.1:4200")
    for name, value in sourced(text, TIERED_ROUTER_GATEWAY_KEY="sk-gate").items():
        if name.startswith("LLM_"):
            monkeypatch.setenv(name, value)
    llm = LLM.load_from_env()
    assert llm.model == "openai/complexity-router"
    assert llm.base_url == "http://127.0.0.1:4200/v1"
    assert llm.max_input_tokens == 200_000
    assert llm.api_key is not None
    assert not isinstance(llm.api_key, str)
    assert llm.api_key.get_secret_value() == "sk-gate"


def test_config_toml_has_a_table_a_tier(path: Path) -> None:
    text = export(path, "headless")
    key = 'OPENAI_API_KEY="$TIERED_ROUTER_GATEWAY_KEY"'
    assert f"# Its key: {key}, for LiteLLM to find.\n[llm.simple]" in text
    data = tomllib.loads(text)
    address = "http://127.0.0.1:4100/v1"
    assert data["llm"]["model"] == "openai/complexity-router"
    assert data["llm"]["simple"]["model"] == "openai/complexity-router/simple"
    assert data["llm"]["complex"]["max_input_tokens"] == 50_000
    assert {data["llm"]["base_url"], data["llm"]["simple"]["base_url"]} == {address}


def test_environment_of_a_job(path: Path) -> None:
    env = yaml.safe_load(export(path, "resolver"))["env"]
    assert env == {
        "LLM_MODEL": "openai/complexity-router",
        "LLM_BASE_URL": "http://127.0.0.1:4100/v1",
        "LLM_API_KEY": "${{ secrets.TIERED_ROUTER_GATEWAY_KEY }}",
    }
    text = export(path, "resolver", "--address", "https://gateway.example")
    assert "start the gateway in the job" not in text
    assert yaml.safe_load(text)["env"]["LLM_BASE_URL"] == "https://gateway.example/v1"


def test_claude_code(path: Path) -> None:
    found = sourced(export(path, "claude-code"), TIERED_ROUTER_GATEWAY_KEY="k")
    assert found["ANTHROPIC_BASE_URL"] == "http://127.0.0.1:4100"
    assert found["ANTHROPIC_AUTH_TOKEN"] == "k"
    assert found["ANTHROPIC_MODEL"] == "complexity-router"


def test_litellm_names_the_variables(path: Path) -> None:
    text = export(path, "litellm")
    models = {m["model_name"]: m for m in yaml.safe_load(text)["model_list"]}
    simple = models["complexity-router/simple"]["litellm_params"]
    assert simple["api_key"] == "os.environ/ANTHROPIC_API_KEY"
    own = models["complexity-router/complex"]["litellm_params"]["api_key"]
    assert f"Set {own.removeprefix('os.environ/')} to" in text


def test_a_file_that_differs_is_not_overwritten(path: Path, tmp_path: Path) -> None:
    output = tmp_path / "llm.env"
    export(path, "env", "--output", output)
    export(path, "env", "--output", output)
    before = output.read_text()
    output.write_text("mine\n")
    result = run(path, "export", "--for", "env", "--output", output)
    assert result.exit_code == 2
    assert "--force" in result.output
    assert output.read_text() == "mine\n"
    export(path, "env", "--output", output, "--force")
    assert output.read_text() == before


def test_show_hides_secrets(path: Path) -> None:
    result = run(path, "show")
    assert "precious" not in result.output
    shown: dict[str, Any] = yaml.safe_load(result.output)
    assert shown["policy"] == {"task_value": 2.0}
    (simple,) = shown["tiers"]["simple"]["endpoints"]
    assert simple["temperature"] == 0.2
    assert json.loads(run(path, "show", "--json").output) == shown


@pytest.mark.parametrize("defaults", [[], ["--defaults"]])
def test_what_is_shown_is_a_configuration(path: Path, defaults: list[str]) -> None:
    kept = [line for line in CONFIG.splitlines() if "precious" not in line]
    path.write_text("\n".join(kept))
    shown = yaml.safe_load(run(path, "show", *defaults).output)
    parsed = parse_config(shown, "shown")
    assert parsed.model_dump() == load_config(path).model_dump()


def test_check_is_doctor(path: Path) -> None:
    result = run(path, "check", "--json")
    assert json.loads(result.output)["exit_code"] == result.exit_code


def test_a_bad_file_names_the_field(path: Path) -> None:
    path.write_text(CONFIG.replace("task_value = 2.0", "task_value = -4"))
    for verb in (["show"], ["export", "--for", "env"]):
        result = run(path, *verb)
        assert result.exit_code == 2
        assert "task_value" in result.stderr


def test_no_key_is_asked_for_where_none_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = '[[tiers.simple.endpoints]]\nmodel = "ollama_chat/x"\n'
    path = tmp_path / "c.toml"
    path.write_text(f'{text}base_url = "http://localhost:11434"\n')
    result = CliRunner().invoke(
        command, ["export", "--for", "litellm", "--config", str(path)]
    )
    assert result.exit_code == 0, result.output
    assert "to any text: that server needs no key." in result.output
    assert "that your configuration holds" not in result.output
