"""LiteLLM's configuration says what ours says, and holds no key."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from openhands_tiered_router.config import ConfigError, load_config
from openhands_tiered_router.gateway.proxy_config import proxy_config


SECRET = "sk-ant-very-secret-value-0123456789"
CONFIG = """
[[tiers.simple.endpoints]]
model = "ollama_chat/qwen3"
base_url = "http://127.0.0.1:11434"
input_cost_per_token = 1e-7
output_cost_per_token = 2e-7
cache_read_input_token_cost = 1e-8
temperature = 0.2
num_retries = 3

[[tiers.complex.endpoints]]
model = "anthropic/claude-sonnet-4-5"
api_key_env = "MY_KEY"

[[tiers.complex.endpoints]]
model = "anthropic/claude-sonnet-4-5"
api_key = "{secret}"
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "tiered-router.toml"
    path.write_text(CONFIG.replace("{secret}", SECRET), encoding="utf-8")
    return path


def test_endpoints_become_deployments(path: Path) -> None:
    proxy = proxy_config(load_config(path), {"MY_KEY": SECRET})
    models = {
        entry["model_name"]: entry["litellm_params"]
        for entry in proxy.settings["model_list"]
    }
    simple = models["complexity-router/simple"]
    assert simple["api_base"] == "http://127.0.0.1:11434"
    assert simple["temperature"] == 0.2
    assert simple["cache_read_input_token_cost"] == 1e-8
    assert "num_retries" not in simple
    assert models["complexity-router/complex"]["api_key"] == "os.environ/MY_KEY"
    # The routed name is the default tier, should the hook not be there.
    assert models["complexity-router"] == models["complexity-router/complex"]


def test_no_key_is_written(path: Path) -> None:
    proxy = proxy_config(load_config(path), {"MY_KEY": SECRET})
    assert SECRET not in json.dumps(proxy.settings)
    [(variable, value)] = [
        item for item in proxy.variables.items() if item[1] == SECRET
    ]
    named = [e["litellm_params"].get("api_key") for e in proxy.settings["model_list"]]
    assert f"os.environ/{variable}" in named
    assert value == SECRET


def test_a_missing_key_is_named(path: Path) -> None:
    with pytest.raises(ConfigError, match="MY_KEY"):
        proxy_config(load_config(path), {})
