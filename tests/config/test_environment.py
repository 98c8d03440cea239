from __future__ import annotations

import pytest

from openhands_tiered_router.config import ConfigError, config_from_env
from openhands_tiered_router.tiers import Tier


def test_a_tier_needs_its_model_only() -> None:
    config = config_from_env({"COMPLEX_MODEL": "anthropic/x"})
    assert {k: e.model for k, e in config.endpoints().items()} == {
        "complex": "anthropic/x"
    }
    assert config.source == "environment"


def test_several_models_are_several_endpoints() -> None:
    config = config_from_env(
        {
            "SIMPLE_MODEL": "openai/a, openai/b,",
            "SIMPLE_BASE_URL": "http://localhost:1/v1",
            "SIMPLE_API_KEY": "sk-secret",
        }
    )
    first, second = config.endpoints().values()
    assert (first.model, second.model) == ("openai/a", "openai/b")
    assert first.base_url == second.base_url == "http://localhost:1/v1"
    assert first.api_key_env == second.api_key_env == "SIMPLE_API_KEY"
    assert "sk-secret" not in repr(config)


def test_sections_are_set_by_name() -> None:
    config = config_from_env(
        {
            "REASONING_MODEL": "a/b",
            "TIERED_ROUTER_DEFAULT_TIER": "reasoning",
            "TIERED_ROUTER_BREAKER_COOLDOWN": "7.5",
            "TIERED_ROUTER_TELEMETRY_ENABLED": "false",
            "TIERED_ROUTER_GRAPH_ENABLED": "0",
        }
    )
    assert config.default_tier is Tier.REASONING
    assert config.breaker.cooldown == 7.5
    assert config.telemetry.enabled is False
    assert config.graph.enabled is False


@pytest.mark.parametrize(
    ("environ", "variable", "message"),
    [
        ({}, "SIMPLE_MODEL", "none is set"),
        ({"SIMPLE_MODEL": " , "}, "SIMPLE_MODEL", "none is set"),
        ({"SIMPLE_MODEL": "two words"}, "SIMPLE_MODEL", "model string"),
        (
            {"SIMPLE_MODEL": "a/b", "SIMPLE_BASE_URL": "localhost"},
            "SIMPLE_BASE_URL",
            "address",
        ),
        (
            {"SIMPLE_MODEL": "a/b", "TIERED_ROUTER_DEFAULT_TIER": "top"},
            "TIERED_ROUTER_DEFAULT_TIER",
            "not a tier",
        ),
        (
            {"SIMPLE_MODEL": "a/b", "TIERED_ROUTER_BREAKER_COOLDOWN": "soon"},
            "TIERED_ROUTER_BREAKER_COOLDOWN",
            "must be a number, is 'soon'",
        ),
        (
            {"SIMPLE_MODEL": "a/b", "TIERED_ROUTER_BREAKER_COOLDWN": "1"},
            "TIERED_ROUTER_BREAKER_COOLDWN",
            "not a known variable",
        ),
    ],
)
def test_a_bad_variable_is_named(
    environ: dict[str, str], variable: str, message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        config_from_env(environ)
    problem = caught.value.problems[0]
    assert problem.source == "environment"
    assert problem.path.startswith(variable)
    assert message in problem.message
    assert problem.remedy


def test_a_misspelt_variable_comes_with_what_was_meant() -> None:
    environ = {"SIMPLE_MODEL": "a/b", "TIERED_ROUTER_BREAKER_COOLDWN": "1"}
    with pytest.raises(ConfigError, match="mean TIERED_ROUTER_BREAKER_COOLDOWN"):
        config_from_env(environ)


def test_an_address_without_a_model_is_a_warning() -> None:
    config = config_from_env(
        {"COMPLEX_MODEL": "a/b", "SIMPLE_BASE_URL": "http://localhost"}
    )
    assert [warning.path for warning in config.warnings] == ["SIMPLE_BASE_URL"]
