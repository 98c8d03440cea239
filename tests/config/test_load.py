from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from hypothesis import given, strategies as st

from openhands_tiered_router.config import (
    ConfigError,
    RouterConfig,
    load_config,
    parse_config,
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


BROKEN = {
    "not UTF-8": ("c.toml", b"\xff\xfe", "", "is not UTF-8", "UTF-8"),
    "empty": ("c.toml", " \n", "", "is empty", "tiered-router init"),
    "only a comment": ("c.yaml", "# nothing\n", "", "must hold", "init"),
    "big": ("c.toml", b"#" * 10_000_000, "", "too big (10.0 MB)", "1 MB"),
    "unknown extension": ("c.ini", ENDPOINT, "", "no known format", ".toml"),
    "a list": ("c.json", "[1]", "", "must hold a table", "init"),
    "a scalar": ("c.yaml", "hello", "", "must hold a table", "init"),
    "TOML syntax": ("c.toml", "a = \nb = 1", "", "is not valid TOML", "line"),
    "TOML key twice": ("c.toml", "a = 1\na = 2", "", "is not valid TOML", "line"),
    "YAML syntax": ("c.yaml", "tiers: [", "", "is not valid YAML", "line"),
    "YAML key twice": (
        "c.yaml",
        "tiers:\n  simple: a/b\n  simple: c/d",
        "",
        "gives the key simple twice",
        "Keep one",
    ),
    "YAML code": (
        "c.yaml",
        "tiers: !!python/object/apply:os.getcwd []",
        "",
        "is not valid YAML",
        "line",
    ),
    "YAML bomb": (
        "c.yaml",
        "a: &a [x,x,x,x,x,x,x,x,x]\n"
        + "".join(
            f"{n}: &{n} [{','.join([f'*{p}'] * 9)}]\n"
            for p, n in zip("abcdef", "bcdefg", strict=True)
        ),  # noqa: E501
        "",
        "holds more than",
        "aliases",
    ),
    "YAML that holds itself": ("c.yaml", "a: &a [*a]", "", "nests them", "aliases"),
    "JSON syntax": ("c.json", '{"tiers": }', "", "is not valid JSON", "line"),
    "JSON key twice": ("c.json", '{"a": 1, "a": 2}', "", "key a twice", "Keep one"),
    "JSON depth": ("c.json", "[" * 100_000, "", "nested too deeply", "Flatten"),
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
    "misspelt LLM field": (
        "c.toml",
        ENDPOINT + "temprature = 1",
        "tiers.simple.endpoints[0].temprature",
        "not a known key",
        "Did you mean temperature?",
    ),
    "reserved LLM field": (
        "c.toml",
        ENDPOINT + 'usage_id = "mine"',
        "tiers.simple.endpoints[0].usage_id",
        "not a known key",
        "router sets it",
    ),
    "weight below zero": (
        "c.toml",
        ENDPOINT + "weight = -1",
        "tiers.simple.endpoints[0].weight",
        "greater than 0, is -1",
        "number greater than 0",
    ),
    "weight of yes": (
        "c.toml",
        ENDPOINT + "weight = true",
        "tiers.simple.endpoints[0].weight",
        "must be a number",
        "number",
    ),
    "infinite weight": (
        "c.toml",
        ENDPOINT + "weight = inf",
        "tiers.simple.endpoints[0].weight",
        "finite",
        "number",
    ),
    "price per million": (
        "c.toml",
        ENDPOINT + "input_cost_per_token = 3\noutput_cost_per_token = 1e-6",
        "tiers.simple.endpoints[0].input_cost_per_token",
        "less than 1, is 3",
        "USD per token",
    ),
    "half a price": (
        "c.toml",
        ENDPOINT + "input_cost_per_token = 1e-6",
        "tiers.simple.endpoints[0].output_cost_per_token",
        "is missing",
        "Add it",
    ),
    "two long-prompt limits": (
        "c.toml",
        ENDPOINT
        + "input_cost_per_token = 1e-6\noutput_cost_per_token = 1e-6\n"
        + "input_cost_per_token_above_200k_tokens = 1e-6\n"
        + "output_cost_per_token_above_128k_tokens = 1e-6\n",
        "tiers.simple.endpoints[0].input_cost_per_token_above_200k_tokens",
        "second limit",
        "128k",
    ),
    "not an address": (
        "c.toml",
        ENDPOINT + 'base_url = "localhost:8000"',
        "tiers.simple.endpoints[0].base_url",
        "not an http(s) address",
        "http://",
    ),
    "a key as the variable's name": (
        "c.toml",
        ENDPOINT + f'api_key_env = "{SECRET}"',
        "tiers.simple.endpoints[0].api_key_env",
        "not the name of an environment variable",
        "put the key into that variable",
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


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_says_where_what_and_how_to_mend_it(
    tmp_path: Path, case: str
) -> None:
    name, content, path, message, remedy = BROKEN[case]
    file = write(tmp_path, name, content)
    with pytest.raises(ConfigError) as caught:
        load_config(file)
    problems = caught.value.problems
    assert any(
        problem.path.startswith(path)
        and bool(problem.path) == bool(path)
        and message in problem.message
        and remedy in problem.remedy
        for problem in problems
    ), caught.value
    assert all(problem.source == str(file) for problem in problems)
    assert SECRET not in f"{caught.value} {caught.value!r}"
    assert caught.value.__cause__ is None


def test_there_are_enough_broken_files() -> None:
    assert len(BROKEN) >= 30


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


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("c.yaml", "tiers:\n  simple:\n    - model: a/b\n      weight: 0\n", 4),
        ("c.toml", "[tiers]\nsimple = \n", 2),
        ("c.json", '{\n\n"tiers"\n}', 4),
    ],
)
def test_the_line_is_told(tmp_path: Path, name: str, text: str, line: int) -> None:
    file = write(tmp_path, name, text)
    with pytest.raises(ConfigError) as caught:
        load_config(file)
    assert caught.value.problems[0].line == line
    assert f"{file}:{line}" in str(caught.value)


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


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4)
    ),
    max_leaves=12,
)
KEYS = st.sampled_from(
    [
        "tiers", "routing", "simple", "medium", "endpoints", "providers", "model",
        "profile", "base_url", "api_key", "weight", "llm", "long_context", "dispatch",
        "input_cost_per_token", "output_cost_per_token", "temperature", "default_tier",
        "output_cost_per_token_above_200k_tokens", "policy", "cooldown", "enabled",
        "extra_headers", "max_complexity", "telemetry", "path",
    ]
)  # fmt: skip
CONFIG_LIKE = st.recursive(
    JSON_VALUES | st.just("openai/x") | st.just(0.5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5)
    ),
    max_leaves=20,
)


@given(st.dictionaries(KEYS, CONFIG_LIKE, max_size=5) | CONFIG_LIKE)
def test_any_data_is_a_configuration_or_a_config_error(data: object) -> None:
    result: RouterConfig | ConfigError
    try:
        result = parse_config(data, "anything")
    except ConfigError as error:
        result = error
    if isinstance(result, ConfigError):
        assert all(problem.remedy for problem in result.problems)
        assert result.problems
    else:
        assert result.endpoints()


@given(st.binary(max_size=300), st.sampled_from(["toml", "yaml", "json"]))
def test_any_bytes_are_a_configuration_or_a_config_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, suffix: str
) -> None:
    path = tmp_path_factory.getbasetemp() / f"any.{suffix}"
    path.write_bytes(content)
    with pytest.raises(ConfigError):
        load_config(path)
