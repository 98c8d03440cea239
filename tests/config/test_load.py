from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from openhands_tiered_router.config import (
    ConfigError,
    load_config,
)
from openhands_tiered_router.tiers import Tier


SECRET = "sk-ant-api03-Zm9vYmFyYmF6cXV4"

TOML = """
default_tier = "medium"

[[tiers.simple.endpoints]]
model = "example/nano"
input_cost_per_token = 5e-08
cache_read_input_token_cost = 5e-09
cache_creation_input_token_cost = 5e-08
output_cost_per_token = 4e-07
cache_ttl = 600
temperature = 0.2

[[tiers.complex.endpoints]]
model = "example/big"
base_url = "http://localhost:8000/v1"
api_key_env = "BIG_KEY"
weight = 3

[breaker]
cooldown = 10
"""

YAML = """
routing:
  tiers:
    simple:    {providers: [ollama/small:7b, openrouter/a/b], max_complexity: 0.35}
    medium:    {providers: [openrouter/c/d, azure/e],         max_complexity: 0.65}
    complex:   {providers: [vertex_ai/f, bedrock/g],          max_complexity: 0.85}
    reasoning: {providers: [openai/h, anthropic/i],           max_complexity: 1.0}
"""

ENDPOINT = '[[tiers.simple.endpoints]]\nmodel = "openai/x"\n'


def write(directory: Path, name: str, content: str | bytes) -> Path:
    path = directory / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_toml_tables_are_read_whole(tmp_path: Path) -> None:
    config = load_config(write(tmp_path, "c.toml", TOML))
    nano, big = config.endpoints().values()
    prices = nano.prices()
    assert prices is not None
    assert (prices.input, prices.output) == (5e-08, 4e-07)
    assert (prices.cache_read, prices.cache_write) == (5e-09, 5e-08)
    assert nano.cache_ttl == 600
    assert nano.llm == {"temperature": 0.2}
    assert (big.base_url, big.api_key_env) == ("http://localhost:8000/v1", "BIG_KEY")
    assert big.weight == 3
    assert config.default_tier is Tier.MEDIUM
    assert config.breaker.cooldown == 10
    assert config.warnings == ()


def test_the_yaml_shape_that_users_have_is_read(tmp_path: Path) -> None:
    config = load_config(write(tmp_path, "c.yaml", YAML))
    models = {key: endpoint.model for key, endpoint in config.endpoints().items()}
    assert models == {
        "simple": "ollama/small:7b",
        "simple/2": "openrouter/a/b",
        "medium": "openrouter/c/d",
        "medium/2": "azure/e",
        "complex": "vertex_ai/f",
        "complex/2": "bedrock/g",
        "reasoning": "openai/h",
        "reasoning/2": "anthropic/i",
    }
    assert config.tiers.max_complexity()[Tier.MEDIUM] == 0.65


def test_all_formats_say_the_same(tmp_path: Path) -> None:
    data = yaml.safe_load(YAML)
    toml = "".join(
        f"[routing.tiers.{tier}]\nproviders = {json.dumps(table['providers'])}\n"
        f"max_complexity = {table['max_complexity']}\n"
        for tier, table in data["routing"]["tiers"].items()
    )
    configs = [
        load_config(write(tmp_path, name, text))
        for name, text in (
            ("c.yml", YAML),
            ("c.json", json.dumps(data)),
            ("c.toml", toml),
        )
    ]
    assert configs[0].tiers == configs[1].tiers == configs[2].tiers


def test_yaml_writes_small_numbers_without_a_point(tmp_path: Path) -> None:
    text = (
        "tiers: {simple: {endpoints: [{model: a/b, input_cost_per_token: 1e-06, "
        "output_cost_per_token: 2e-06}]}}"
    )
    config = load_config(write(tmp_path, "c.yaml", text))
    prices = config.endpoints()["simple"].prices()
    assert prices is not None
    assert prices.input == 1e-06


def test_a_tier_may_be_one_string_or_a_list(tmp_path: Path) -> None:
    path = write(tmp_path, "c.toml", '[tiers]\nsimple = "a/b"\ncomplex = ["c/d"]\n')
    models = [endpoint.model for endpoint in load_config(path).endpoints().values()]
    assert models == ["a/b", "c/d"]


def test_a_byte_order_mark_and_windows_lines_do_no_harm(tmp_path: Path) -> None:
    text = ("\ufeff" + ENDPOINT).replace("\n", "\r\n")
    assert load_config(write(tmp_path, "c.toml", text)).endpoints()


def test_a_literal_key_loads_with_a_warning_and_is_never_shown(tmp_path: Path) -> None:
    text = (
        f'{ENDPOINT}api_key = "{SECRET}"\naws_secret_access_key = "{SECRET}"\n'
        f'extra_headers = {{ Authorization = "Bearer {SECRET}" }}\n'
    )
    config = load_config(write(tmp_path, "c.toml", text))
    key = config.endpoints()["simple"].api_key
    assert key is not None
    assert key.get_secret_value() == SECRET
    assert {warning.path.rpartition(".")[2] for warning in config.warnings} == {
        "api_key",
        "aws_secret_access_key",
        "extra_headers",
    }
    everything = f"{config!r} {config} {config.warnings} {config.endpoints()}"
    assert SECRET not in everything


UNREADABLE = [
    ("c.toml", b"\xff\xfe", "is not UTF-8", "UTF-8"),
    ("c.toml", " \n", "is empty", "tiered-router init"),
    ("c.yaml", "# nothing\n", "must hold", "init"),
    ("c.toml", b"#" * 10_000_000, "too big (10.0 MB)", "1 MB"),
    ("c.ini", ENDPOINT, "no known format", ".toml"),
    ("c.json", "[1]", "must hold a table", "init"),
    ("c.yaml", "hello", "must hold a table", "init"),
]
"""File, content, the problem with all of it, and the remedy."""

BROKEN = {
    "no tiers": ("c.toml", "default_tier = 'simple'", "tiers", "is missing", "Add it"),
    "empty tiers": ("c.toml", "[tiers]", "tiers", "names no tier", "[[tiers.complex"),
    "unknown tier": (
        "c.toml",
        '[tiers]\nsimpel = "a/b"',
        "tiers.simpel",
        "not a known key",
        "Did you mean simple?",
    ),
    "empty list": (
        "c.toml",
        "[tiers.simple]\nendpoints = []",
        "tiers.simple.endpoints",
        "is empty",
        "Fill it",
    ),
    "two names": (
        "c.toml",
        '[tiers.simple]\nendpoints = ["a/b"]\nproviders = ["a/b"]',
        "tiers.simple",
        "both endpoints and providers",
        "Keep one",
    ),
    "endpoint without its table": (
        "c.toml",
        '[tiers.simple]\nmodel = "a/b"',
        "tiers.simple.model",
        "not a known key",
        "[[tiers.<tier>.endpoints]]",
    ),
    "no model": (
        "c.toml",
        "[[tiers.simple.endpoints]]\nweight = 1",
        "tiers.simple.endpoints[0].model",
        "is missing",
        'model = "provider/model"',
    ),
    "a key as a number": (
        "c.json",
        '{"tiers": {"simple": [{"model": "a/b", "api_key": 12345678}]}}',
        "tiers.simple[0].api_key",
        "must be text, is (hidden",
        "text",
    ),
    "a key as a key": (
        "c.toml",
        f'{ENDPOINT}"{SECRET}" = 1',
        "tiers.simple.endpoints[0].(hidden",
        "not a known key",
        "keys here are",
    ),
    "profile and model": (
        "c.toml",
        '[[tiers.simple.endpoints]]\nprofile = "p"\nmodel = "a/b"',
        "tiers.simple.endpoints[0].model",
        "combined with profile",
        "in the profile",
    ),
    "blank in the model": (
        "c.toml",
        '[tiers]\nsimple = "claude opus"',
        "tiers.simple",
        "not a litellm model string",
        "without blanks",
    ),
    "falling limits": (
        "c.toml",
        '[tiers.simple]\nendpoints = ["a/b"]\nmax_complexity = 0.9\n'
        '[tiers.medium]\nendpoints = ["a/b"]\nmax_complexity = 0.5\n',
        "tiers",
        "max_complexity falls",
        "rise",
    ),
    "unknown default tier": (
        "c.toml",
        f'default_tier = "hard"\n{ENDPOINT}',
        "default_tier",
        "is not a tier",
        "simple, medium, complex, reasoning",
    ),
    "word for a number": (
        "c.toml",
        f'{ENDPOINT}[dispatch]\ntotal_timeout = "long"',
        "dispatch.total_timeout",
        "must be a number, is 'long'",
        "Write a number",
    ),
    "misspelt section": (
        "c.toml",
        f"{ENDPOINT}[telemtry]\nenabled = false",
        "telemtry",
        "not a known key",
        "Did you mean telemetry?",
    ),
    "beside routing": (
        "c.yaml",
        "routing: {tiers: {simple: a/b}}\ngraph: {enabled: false}",
        "graph",
        "is outside of routing",
        "Move it under routing",
    ),
    "wrong inside routing": (
        "c.yaml",
        "routing:\n  tiers:\n    simple:\n      providers:\n        - {modle: a/b}",
        "routing.tiers.simple.providers[0].modle",
        "not a known key",
        "Did you mean model?",
    ),
}

WRONG_KEYS = [
    ("temprature = 1", "temprature", "not a known key", "Did you mean temperature?"),
    ('usage_id = "mine"', "usage_id", "not a known key", "router sets it"),
    ("weight = -1", "weight", "greater than 0, is -1", "number greater than 0"),
    ("weight = true", "weight", "must be a number", "number"),
    ("weight = inf", "weight", "finite", "number"),
    (
        "input_cost_per_token = 3\noutput_cost_per_token = 1e-6",
        "input_cost_per_token",
        "less than 1, is 3",
        "USD per token",
    ),
    ("input_cost_per_token = 1e-6", "output_cost_per_token", "is missing", "Add it"),
    (
        "input_cost_per_token = 1e-6\noutput_cost_per_token = 1e-6\n"
        "input_cost_per_token_above_200k_tokens = 1e-6\n"
        "output_cost_per_token_above_128k_tokens = 1e-6",
        "input_cost_per_token_above_200k_tokens",
        "second limit",
        "128k",
    ),
    ('base_url = "localhost:8000"', "base_url", "not an http(s) address", "http://"),
    (
        f'api_key_env = "{SECRET}"',
        "api_key_env",
        "not the name of an environment variable",
        "put the key into that variable",
    ),
]
"""Lines of an endpoint's table, the key that is named, the problem and the remedy."""


def refused(file: Path) -> ConfigError:
    """Why the file cannot be used; never with a secret."""
    with pytest.raises(ConfigError) as caught:
        load_config(file)
    assert all(problem.source == str(file) for problem in caught.value.problems)
    assert SECRET not in f"{caught.value} {caught.value!r}"
    assert caught.value.__cause__ is None
    return caught.value


@pytest.mark.parametrize(("name", "content", "message", "remedy"), UNREADABLE)
def test_what_is_no_configuration_at_all_is_told(
    tmp_path: Path, name: str, content: str | bytes, message: str, remedy: str
) -> None:
    (problem,) = refused(write(tmp_path, name, content)).problems
    assert problem.path == ""
    assert message in problem.message
    assert remedy in problem.remedy


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_says_where_what_and_how_to_mend_it(
    tmp_path: Path, case: str
) -> None:
    name, content, path, message, remedy = BROKEN[case]
    error = refused(write(tmp_path, name, content))
    assert any(
        problem.path.startswith(path)
        and message in problem.message
        and remedy in problem.remedy
        for problem in error.problems
    ), error


@pytest.mark.parametrize(("text", "key", "message", "remedy"), WRONG_KEYS)
def test_a_wrong_key_is_named_with_its_remedy(
    tmp_path: Path, text: str, key: str, message: str, remedy: str
) -> None:
    error = refused(write(tmp_path, "c.toml", f"{ENDPOINT}{text}\n"))
    problem = error.problems[0]
    assert problem.path == f"tiers.simple.endpoints[0].{key}"
    assert message in problem.message
    assert remedy in problem.remedy


def test_there_are_enough_broken_files() -> None:
    assert len(UNREADABLE) + len(BROKEN) + len(WRONG_KEYS) >= 30


def test_all_problems_come_at_once(tmp_path: Path) -> None:
    text = (
        f"{ENDPOINT}weight = 0\ncache_ttl = -1\nmodle = 1\n"
        '[[tiers.medium.endpoints]]\nbase_url = "x"\n[graph]\nenabled = "perhaps"\n'
    )
    with pytest.raises(ConfigError) as caught:
        load_config(write(tmp_path, "c.toml", text))
    assert {problem.path for problem in caught.value.problems} == {
        "tiers.simple.endpoints[0].weight",
        "tiers.simple.endpoints[0].cache_ttl",
        "tiers.simple.endpoints[0].modle",
        "tiers.medium.endpoints[0].base_url",
        "graph.enabled",
    }
    assert "5 problems" in str(caught.value)


def test_the_line_of_what_is_not_its_format_is_told(tmp_path: Path) -> None:
    file = write(tmp_path, "c.toml", "[tiers]\nsimple = \n")
    assert f"{file}:2" in str(refused(file))


@pytest.mark.parametrize(
    ("name", "message"),
    [("missing.toml", "does not exist"), ("folder.toml", "is not a file")],
)
def test_what_is_no_file_is_told(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "folder.toml").mkdir()
    with pytest.raises(ConfigError, match=message):
        load_config(tmp_path / name)


def test_a_path_that_cannot_be_one_is_told() -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config("a\0b.toml")
