from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from openhands_tiered_router.cli.doctor import command
from openhands_tiered_router.config import checks
from openhands_tiered_router.config.reach import LocalServer
from openhands_tiered_router.loopback import LoopbackProvider
from openhands_tiered_router.loopback.faults import HttpError
from openhands_tiered_router.tiers import Prices


KEY = "sk-ant-api03-precious"
GOOD = '[[tiers.complex.endpoints]]\nmodel = "anthropic/claude-opus-5-5"\n'
PRICED = """
[[tiers.simple.endpoints]]
model = "openai/doctor-small"
base_url = "{url}/v1"
api_key_env = "SMALL_KEY"
input_cost_per_token = 1e-6
output_cost_per_token = 2e-6
max_input_tokens = 50000

[[tiers.complex.endpoints]]
model = "anthropic/doctor-big"
base_url = "{url}"
api_key_env = "BIG_KEY"
input_cost_per_token = 3e-6
output_cost_per_token = 4e-6
max_input_tokens = 50000
"""
PRICES = {
    "doctor-small": Prices(input=1e-6, output=2e-6, cache_read=1e-6, cache_write=1e-6),
    "doctor-big": Prices(input=3e-6, output=4e-6, cache_read=3e-6, cache_write=3e-6),
}


def run(path: Path, *args: str, **environ: str) -> Result:
    env = {
        "ANTHROPIC_API_KEY": None,
        "OPENAI_API_KEY": None,
        "COLUMNS": "200",
        **environ,
    }
    return CliRunner().invoke(command, ["--config", str(path), *args], env=env)


def write(directory: Path, text: str) -> Path:
    path = directory / "router.toml"
    path.write_text(text)
    return path


def test_a_good_configuration(tmp_path: Path) -> None:
    result = run(write(tmp_path, GOOD), ANTHROPIC_API_KEY=KEY)
    assert result.exit_code == 0, result.output
    assert "anthropic/claude-opus-5-5" in result.output
    assert "0 errors, 0 warnings" in result.output
    assert "the complex tier serves its calls" in result.output
    assert KEY not in result.output


@pytest.mark.parametrize(("args", "code"), [((), 0), (("--strict",), 1)])
def test_warnings_count_only_if_they_are_to(
    tmp_path: Path, args: tuple[str, ...], code: int
) -> None:
    path = write(tmp_path, '[tiers]\ncomplex = "ollama_chat/x"\n')
    result = run(path, *args)
    assert result.exit_code == code
    assert "no known context window" in result.output


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD, "ANTHROPIC_API_KEY"),
        (GOOD + "wieght = 2", "Did you mean weight?"),
        ("", "is empty"),
        ('[[tiers.simple.endpoints]]\nprofile = "no-such"', "does not exist"),
    ],
)
@pytest.mark.parametrize("args", [(), ("--json",), ("--strict",)])
def test_errors_are_told_and_exit_with_two(
    tmp_path: Path, text: str, message: str, args: tuple[str, ...]
) -> None:
    path = write(tmp_path, text)
    result = run(path, *args, OH_PERSISTENCE_DIR=str(tmp_path))
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())
    if args == ("--json",):
        assert json.loads(result.output)["exit_code"] == 2


UNPRICED = '[[tiers.complex.endpoints]]\nmodel = "openai/nobody-knows"\n'
UNPRICED += "max_input_tokens = 9_000\n"


@pytest.mark.parametrize(
    ("budget", "code", "said"),
    [
        ("", 0, "its cost is unknown to reports"),
        ('{ name = "b", usd = 1.0 }', 2, "budget b in USD refuses its calls"),
        (
            '{ name = "b", usd = 1.0, allow_unpriced = true }',
            0,
            "its calls count 0 USD in budget b",
        ),
        ('{ name = "b", turns = 9 }', 0, "its cost is unknown to reports"),
    ],
)
def test_an_unpriced_model_fails_where_a_budget_in_usd_refuses_it(
    tmp_path: Path, budget: str, code: int, said: str
) -> None:
    path = write(tmp_path, f"budgets = [{budget}]\n{UNPRICED}")
    result = run(path, OPENAI_API_KEY=KEY)
    assert result.exit_code == code, result.output
    assert said in " ".join(result.output.split())


def test_a_local_server_that_does_not_answer_is_an_error(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    text = '[[tiers.complex.endpoints]]\nmodel = "ollama_chat/x"\n'
    path = write(tmp_path, f'{text}base_url = "{address}"\nmax_input_tokens = 9_000\n')
    result = run(path)
    assert result.exit_code == 2
    assert "does not answer: Connection refused" in " ".join(result.output.split())


def test_a_model_that_the_local_server_lacks_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "http://localhost:11434"
    server = LocalServer("Ollama", url, "ollama_chat", ("qwen3:8b",))
    monkeypatch.setattr(checks, "local_servers", lambda: [server])
    text = (
        f'[[tiers.complex.endpoints]]\nbase_url = "{url}"\nmax_input_tokens = 9_000\n'
    )
    result = run(write(tmp_path, f'{text}model = "ollama_chat/other"\n'))
    assert result.exit_code == 2
    assert "Fetch it, or name one of qwen3:8b" in " ".join(result.output.split())
    assert (
        run(write(tmp_path, f'{text}model = "ollama_chat/qwen3:8b"\n')).exit_code == 0
    )


def test_no_configuration_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    env = {"XDG_CONFIG_HOME": str(tmp_path), "HOME": str(tmp_path)}
    result = CliRunner().invoke(command, [], env=env)
    assert result.exit_code == 2
    assert "tiered-router init" in " ".join(result.output.split())


def test_json_holds_what_the_tables_show(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    result = run(path, "--json", ANTHROPIC_API_KEY=KEY)
    report: dict[str, Any] = json.loads(result.stdout)
    assert report["config"] == f"{path} (given)"
    assert report["tiers"] == dict.fromkeys(
        ["simple", "medium", "complex", "reasoning"], "complex"
    )
    (endpoint,) = report["endpoints"]
    assert endpoint["api_key"] == "ANTHROPIC_API_KEY"
    assert endpoint["prices"]["input"] > 0
    assert endpoint["live"] is None
    assert {finding["level"] for finding in report["findings"]} == {"note"}
    assert KEY not in result.output


@pytest.mark.parametrize(("variable", "coloured"), [("NO_COLOR", False), ("X", True)])
def test_colour_can_be_refused(tmp_path: Path, variable: str, coloured: bool) -> None:
    path = write(tmp_path, GOOD)
    result = CliRunner().invoke(
        command,
        ["--config", str(path)],
        env={"FORCE_COLOR": "1", variable: "1", "ANTHROPIC_API_KEY": None},
        color=True,
    )
    assert ("\x1b[1;31m" in result.output or "\x1b[31m" in result.output) is coloured


def test_values_that_the_sdk_refuses_are_found_without_a_call(tmp_path: Path) -> None:
    result = run(
        write(tmp_path, GOOD + 'temperature = "hot"'), "--json", ANTHROPIC_API_KEY=KEY
    )
    assert result.exit_code == 2
    findings = json.loads(result.stdout)["findings"]
    assert findings[0]["path"] == "tiers.complex.endpoints[0].temperature"


def test_live_calls_each_endpoint_once_and_counts_what_it_costs(
    tmp_path: Path,
) -> None:
    with LoopbackProvider(prices=PRICES) as provider:
        path = write(tmp_path, PRICED.format(url=provider.base_url))
        result = run(path, "--live", "--json", SMALL_KEY="k1", BIG_KEY="k2")
        assert result.exit_code == 0, result.output
        assert len(provider.requests) == 2
        total = provider.total_usd
    live = [endpoint["live"] for endpoint in json.loads(result.stdout)["endpoints"]]
    assert [call["error"] for call in live] == [None, None]
    assert sum(call["cost"] for call in live) == pytest.approx(total)
    assert total > 0


def test_live_tells_which_endpoint_fails_after_one_attempt(tmp_path: Path) -> None:
    with LoopbackProvider(prices=PRICES) as provider:
        fault = HttpError(status=500, message="down")
        provider.faults.always(fault, model="doctor-big")
        path = write(tmp_path, PRICED.format(url=provider.base_url))
        result = run(path, "--live", SMALL_KEY="k1", BIG_KEY="k2")
        models = [request.model for request in provider.requests]
    assert result.exit_code == 2
    assert models == ["doctor-small", "doctor-big"]
    assert "tiers.complex.endpoints[0]: does not answer" in result.stdout
    assert "answered" in result.stdout


def test_live_leaves_out_an_endpoint_without_a_key(tmp_path: Path) -> None:
    with LoopbackProvider(prices=PRICES) as provider:
        path = write(tmp_path, PRICED.format(url=provider.base_url))
        result = run(path, "--live", "--json", SMALL_KEY="k1")
        models = [request.model for request in provider.requests]
    assert result.exit_code == 2
    assert models == ["doctor-small"]
    assert "BIG_KEY" in result.stdout


def test_eighty_columns_hold_models_and_keys_unbroken(tmp_path: Path) -> None:
    text = "\n".join(
        f'[[tiers.{tier}.endpoints]]\nmodel = "anthropic/claude-sonnet-5-5"'
        for tier in ("simple", "medium", "complex", "reasoning")
    )
    out = run(write(tmp_path, text), COLUMNS="80").stdout
    rows = [
        line for line in out.splitlines() if " anthropic/claude-sonnet-5-5 " in line
    ]
    assert [row.split()[0] for row in rows] == [
        "simple",
        "medium",
        "complex",
        "reasoning",
    ]
    key = "Key of simple, medium, complex, reasoning: ANTHROPIC_API_KEY (not set)"
    assert key in out.splitlines()
    assert max(map(len, out.splitlines())) <= 80


def test_what_is_wrong_alike_in_several_places_is_said_once(tmp_path: Path) -> None:
    text = '[tiers]\nsimple = "anthropic/claude-haiku-5-5"\n'
    out = run(write(tmp_path, text + 'complex = "anthropic/claude-opus-5-5"\n')).stdout
    assert out.count("needs the environment variable ANTHROPIC_API_KEY") == 1
    assert "api_key_env of simple, complex: " in out
    assert "1 error, 0 warnings" in out
    assert "1 error, 0 warnings" in run(write(tmp_path, text)).stdout
