"""Whatever is given, what is wrong with it is told with a remedy."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from openhands_tiered_router.config import (
    ConfigError,
    RouterConfig,
    load_config,
    parse_config,
)
from openhands_tiered_router.config.errors import Problem


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


def test_one_fault_at_several_places_is_said_once() -> None:
    unset = Problem(source="c.toml", message="needs KEY", remedy="Set KEY")
    other = Problem(source="c.toml", path="x", message="is missing", remedy="Add it")
    places = [replace(unset, path=f"tiers.{tier}") for tier in ("simple", "complex")]
    once = "c.toml: tiers.simple, tiers.complex: needs KEY. Set KEY"
    assert str(ConfigError(places)) == once
    assert str(ConfigError([*places, other])) == (
        f"2 problems in the configuration:\n  - {once}\n"
        "  - c.toml: x: is missing. Add it"
    )
    assert len(ConfigError(places).problems) == 2
