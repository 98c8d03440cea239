from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from openhands.sdk.llm import Message, TextContent, content_to_str

from openhands_tiered_router import ComplexityRouter
from openhands_tiered_router.cli import init as init_module
from openhands_tiered_router.cli.init import PRESET_NAMES, command
from openhands_tiered_router.config import load_config, reach, tier_set
from openhands_tiered_router.config.presets import PRESETS
from openhands_tiered_router.config.reach import LocalServer
from openhands_tiered_router.policy.economics.price_book import default_price_book
from openhands_tiered_router.policy.policy import Policy
from openhands_tiered_router.tiers import Tier


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """Where ``init`` writes to."""
    return tmp_path / "new" / "router.toml"


def run(output: Path, *args: str, input: str | None = None) -> Result:
    return CliRunner().invoke(command, [*args, "--output", str(output)], input=input)


def test_the_flag_offers_every_preset() -> None:
    assert list(PRESET_NAMES) == list(PRESETS)


@pytest.mark.parametrize("preset", PRESET_NAMES)
def test_a_preset_loads_with_four_tiers_and_known_prices(
    output: Path, preset: str
) -> None:
    result = run(output, "--preset", preset)
    assert result.exit_code == 0, result.output
    config = load_config(output)
    assert config.warnings == ()
    tiers = tier_set(config)
    assert tiers.tiers() == tuple(Tier)
    for endpoint in tiers.endpoints:
        assert endpoint.prices is not None, endpoint
        assert endpoint.prices.cache_read <= endpoint.prices.input
        assert endpoint.max_input_tokens, endpoint
        assert endpoint.tools
    outputs = [e.prices.output for e in tiers.endpoints if e.prices]
    assert outputs == sorted(outputs)


@pytest.mark.parametrize("preset", PRESETS)
def test_the_models_of_a_preset_are_in_litellms_table(preset: str) -> None:
    book = default_price_book()
    for endpoint in PRESETS[preset].tiers.values():
        model = endpoint.priced_as or endpoint.model
        if not model.startswith("ollama_chat/"):
            row = book.row(model)
            assert row is not None, model
            assert "deprecation_date" not in row, model


def test_each_comment_that_is_a_setting_works_alone(output: Path) -> None:
    run(output, "--preset", "anthropic")
    before = load_config(output)
    lines = output.read_text().splitlines()
    settings = [n for n, line in enumerate(lines) if re.match(r"# [a-z_.]+ = ", line)]
    assert len(settings) >= 5
    for n in settings:
        opened = [*lines[:n], lines[n].removeprefix("# "), *lines[n + 1 :]]
        output.write_text("\n".join(opened))
        assert load_config(output) != before, lines[n]


def test_a_model_flag_replaces_the_presets(output: Path) -> None:
    run(output, "--preset", "openai", "--simple", "groq/mine", "--unlisted")
    endpoints = load_config(output).endpoints()
    assert endpoints["simple"].model == "groq/mine"
    assert endpoints["simple"].api_key_env is None
    assert endpoints["complex"].model == "openai/gpt-6.1-sol"


def test_model_flags_alone_give_those_tiers(output: Path) -> None:
    run(output, "--complex", "openai/gpt-4o")
    assert list(load_config(output).endpoints()) == ["complex"]


def test_a_file_is_not_overwritten_unless_forced(output: Path) -> None:
    run(output, "--preset", "openai")
    before = output.read_text()
    result = run(output, "--preset", "anthropic")
    assert result.exit_code == 2
    assert "--force" in result.output
    assert output.read_text() == before
    assert run(output, "--preset", "anthropic", "--force").exit_code == 0
    assert output.read_text() != before


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([], "--preset"),
        (["--preset", "nonsense"], "nonsense"),
        (["--complex", "two words"], "not a litellm model string"),
    ],
)
def test_wrong_use_is_told_and_writes_nothing(
    output: Path, args: list[str], message: str
) -> None:
    result = run(output, *args)
    assert result.exit_code == 2
    assert message in result.output
    assert not output.exists()


def test_only_toml_is_written(tmp_path: Path) -> None:
    result = run(tmp_path / "c.yaml", "--preset", "openai")
    assert result.exit_code == 2
    assert ".toml" in result.output


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = run(tmp_path / "file" / "c.toml", "--preset", "openai")
    assert result.exit_code == 2
    assert "cannot be written" in result.output


def test_two_questions_are_asked_on_a_terminal(
    output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(init_module, "_is_terminal", lambda: True)
    monkeypatch.setattr(init_module, "found_here", lambda: {"openai": "a key in X"})
    result = run(output, input="\n12.5\n")
    assert result.exit_code == 0, result.output
    assert "Found a key in X." in result.output
    assert load_config(output).policy.task_value == 12.5
    models = [endpoint.model for endpoint in load_config(output).endpoints().values()]
    assert models == [e.model for e in PRESETS["openai"].tiers.values()]


def test_a_local_server_is_found_and_serves_all_tiers(output: Path) -> None:
    server = LocalServer("vLLM", "http://localhost:8000/v1", "hosted_vllm", ("mine",))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reach, "local_servers", lambda: [server])
        assert init_module.found_here()["local"].startswith("vLLM at http")
        result = run(output, "--preset", "local")
    assert result.exit_code == 0, result.output
    tiers = tier_set(load_config(output))
    assert {e.model for e in tiers.endpoints} == {"hosted_vllm/mine"}
    assert {e.prices and e.prices.output for e in tiers.endpoints} == {0.0}
    assert "export" not in result.output


class Ollama(BaseHTTPRequestHandler):
    """Enough of Ollama for a conversation."""

    def do_GET(self) -> None:
        self._answer({"models": [{"name": "qwen3:8b"}]})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        assert "sk-" not in (self.headers["authorization"] or "")
        message = {"role": "assistant", "content": "Hello."}
        counts = {"prompt_eval_count": 20, "eval_count": 3}
        self._answer({"model": "m", "message": message, "done": True, **counts})

    def _answer(self, body: dict[str, object]) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.mark.parametrize("preset", ["ollama", "local"])
def test_23_a_local_preset_needs_no_key_and_works_whole(
    output: Path, monkeypatch: pytest.MonkeyPatch, preset: str
) -> None:
    for name in [name for name in os.environ if name.endswith("_API_KEY")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(reach, "local_servers", list)  # none answers yet
    result = run(output, "--preset", preset, "--json")
    assert json.loads(result.output)["variables"] == {}
    assert "api_key_env" not in output.read_text()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Ollama)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_address[1]}"
    output.write_text(output.read_text().replace("http://localhost:11434", address))
    try:
        router = ComplexityRouter.from_config(output)
        hello = Message(role="user", content=[TextContent(text="Hello.")])
        for tier in Tier:
            answer = router.generate([hello], tier=tier)
            assert content_to_str(answer.message.content) == ["Hello."]
    finally:
        server.shutdown()
        server.server_close()
    assert router.metrics.accumulated_cost == 0.0
    assert router.metrics.accumulated_token_usage is not None
    assert router.metrics.accumulated_token_usage.prompt_tokens == 80


def test_the_ollama_preset_takes_the_models_that_ollama_has(output: Path) -> None:
    vllm = LocalServer("vLLM", "http://localhost:8000/v1", "hosted_vllm", ("mine",))
    own = LocalServer("Ollama", "http://localhost:11434", "ollama_chat", ("own:1b",))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reach, "local_servers", lambda: [vllm, own])
        run(output, "--preset", "ollama")
    endpoints = load_config(output).endpoints().values()
    assert {endpoint.model for endpoint in endpoints} == {"ollama_chat/own:1b"}


@pytest.mark.parametrize("model", ["foo/bar", "anthropic/claude-opus-5-6"])
def test_an_unknown_model_is_refused(output: Path, model: str) -> None:
    result = run(output, "--simple", model)
    assert result.exit_code == 2
    assert f"--simple {model}: litellm lists no such model." in result.output
    assert not output.exists()
    assert run(output, "--simple", model, "--unlisted").exit_code == 0


def test_the_value_of_a_task_is_the_policys_unless_given(output: Path) -> None:
    assert Policy().task_value == init_module._TASK_VALUE
    run(output, "--preset", "openai", "--task-value", "20")
    assert load_config(output).policy.task_value == 20


def test_a_new_file_is_short(output: Path) -> None:
    run(output, "--preset", "anthropic")
    lines = [line for line in output.read_text().splitlines() if line]
    settings = [line for line in lines if not line.startswith("#")]
    assert len(settings) == 4 * 3
    assert len(lines) <= 30
    assert all(len(line) <= 88 for line in lines if "https://" not in line)
    assert sum("https://" in line for line in lines) == 1


def test_json_tells_what_is_next_and_no_key_is_written(
    output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-precious")
    result = run(output, "--preset", "anthropic", "--json")
    report = json.loads(result.output)
    assert report["path"] == str(output)
    assert report["variables"] == {"ANTHROPIC_API_KEY": True}
    assert any("doctor" in step for step in report["next"])
    assert "sk-ant-precious" not in result.output + output.read_text()


def test_missing_variables_are_next_steps(
    output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENROUTER_API_KEY", raising=False)
    result = run(output, "--preset", "openrouter")
    assert "export OPENROUTER_API_KEY=..." in result.output
    assert f"doctor --config {output}" in result.output


@pytest.mark.parametrize("name", ["init", "doctor"])
def test_the_help_imports_no_heavy_package(name: str) -> None:
    code = (
        f"import sys\nfrom openhands_tiered_router.cli.{name} import command\n"
        "try:\n    command.main(['--help'])\nexcept SystemExit: pass\n"
        "names = ('litellm', 'openhands.sdk', 'networkx', 'pydantic', 'rich')\n"
        "print([n for n in names if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=os.environ
    )
    assert "Usage" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]", done.stderr
