"""What may stand in the params of the tool, and what is told of the rest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from openhands_tiered_router.config import ConfigError
from openhands_tiered_router.server.params import config_of


def test_a_tier_is_a_profile_or_several() -> None:
    config = config_of({"tiers": {"simple": "a", "complex": ["b", {"profile": "c"}]}})
    profiles = {key: e.profile for key, e in config.endpoints().items()}
    assert profiles == {"simple": "a", "complex": "b", "complex/2": "c"}


def test_guards_may_stand_beside_the_tiers() -> None:
    budget = {"name": "one", "scope": "conversation", "usd": 0.5}
    config = config_of({"tiers": {"complex": "b"}, "budgets": [budget]})
    assert [b.usd for b in config.budgets] == [0.5]


def test_a_file_of_the_server(tmp_path: Path) -> None:
    path = tmp_path / "router.json"
    path.write_text(json.dumps({"tiers": {"complex": "openai/gpt-4o"}}))
    config = config_of({"config": str(path)})
    assert config.endpoints()["complex"].model == "openai/gpt-4o"


def test_without_params_the_servers_own_configuration_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "router.json"
    path.write_text(json.dumps({"tiers": {"complex": "openai/gpt-4o"}}))
    monkeypatch.setenv("TIERED_ROUTER_CONFIG", str(path))
    assert config_of({}).source == str(path)


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"config": 3}, "config: must be a path, alone"),
        ({"config": "a.toml", "tiers": {"complex": "b"}}, "config: must be a path"),
        ({"tiers": {"simpl": "a"}}, "tiers.simpl: is not a known key"),
        ({"tiers": ["a"]}, "tiers"),
        ({"profiles": {"simple": "a"}}, "profiles: is not a known key"),
        (
            {"tiers": {"simple": {"endpoints": [{"model": "openai/gpt-4o"}]}}},
            "tiers.simple.endpoints[0]: names no profile",
        ),
        (
            {"tiers": {"simple": [{"profile": "a", "base_url": "http://elsewhere"}]}},
            "base_url: cannot be combined with profile",
        ),
    ],
)
def test_what_cannot_be_used_is_named(params: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError) as failed:
        config_of(params)
    assert told in str(failed.value)


def test_a_key_is_refused_and_not_repeated() -> None:
    endpoint = {"model": "openai/gpt-4o", "api_key": "sk-very-secret"}
    with pytest.raises(ConfigError) as failed:
        config_of({"tiers": {"simple": [endpoint]}})
    assert "names no profile" in str(failed.value)
    assert "sk-very-secret" not in str(failed.value)
