from __future__ import annotations

from dataclasses import asdict, fields

import pytest

from openhands_tiered_router.calls.settings import DispatchSettings
from openhands_tiered_router.config import (
    ConfigError,
    dispatch_of,
    parse_config,
    policy_of,
)
from openhands_tiered_router.policy.policy import Policy
from openhands_tiered_router.tiers import Tier


TIERS = {"simple": "a/b"}


def test_a_configuration_without_sections_gives_the_defaults() -> None:
    config = parse_config({"tiers": TIERS}, "x")
    assert policy_of(config) == Policy()
    assert dispatch_of(config) == DispatchSettings()


def test_every_key_arrives() -> None:
    policy = {"mechanical_tier": "medium", "side_tier": "complex", "window_margin": 0.5}
    dispatch = {
        "attempt_timeout": 11,
        "connect_timeout": 1.5,
        "patience": 12.0,
        "short_wait": 0.5,
        "hang_timeout": 14.0,
        "queue": 15,
        "rate_headers": False,
        "slow_rest": 16.0,
    }
    breaker = {
        "failures": 3,
        "threshold": 0.5,
        "min_calls": 4,
        "window": 5.0,
        "cooldown": 13.0,
        "permanent_cooldown": 6.0,
        "success_threshold": 7,
    }
    config = parse_config(
        {
            "tiers": TIERS,
            "default_tier": "reasoning",
            "policy": policy,
            "dispatch": dispatch,
            "breaker": breaker,
        },
        "x",
    )
    assert config.dispatch.model_fields_set == type(config.dispatch).model_fields.keys()
    assert policy_of(config) == Policy(
        base_tier=Tier.REASONING,
        mechanical_tier=Tier.MEDIUM,
        side_tier=Tier.COMPLEX,
        window_margin=0.5,
    )
    own = {"profile", "fitted"}
    names = set(type(config.policy).model_fields) - own | {"base_tier"}
    verifier = {"catch_rate", "pass_rate"}  # from [verify]
    assert names | verifier == {field.name for field in fields(Policy)}
    settings = asdict(dispatch_of(config))
    assert config.breaker.model_fields_set == type(config.breaker).model_fields.keys()
    assert settings.pop("breaker") == {**breaker, "probe_lease": 22.0}
    assert settings == dispatch | {
        name: settings[name] for name in ("backoff_base", "backoff_max")
    }


def test_a_profile_names_an_economy() -> None:
    def economy(policy: dict[str, object]) -> float:
        return policy_of(parse_config({"tiers": TIERS, "policy": policy}, "x")).economy

    assert (
        economy({"profile": "quality"}) < economy({}) < economy({"profile": "thrift"})
    )
    assert economy({"profile": "thrift", "economy": 0.3}) == 0.3
    with pytest.raises(ConfigError, match="quality, balanced, thrift"):
        economy({"profile": "cheap"})


def test_a_fitted_file_of_a_user_there_is_not_is_an_error_with_its_place() -> None:
    raw = {"tiers": TIERS, "policy": {"fitted": "~no-such-user-here/f.json"}}
    config = parse_config(raw, "x.toml")
    with pytest.raises(ConfigError, match="no-such-user-here") as caught:
        policy_of(config)
    (problem,) = caught.value.problems
    assert (problem.source, problem.path) == ("x.toml", "policy.fitted")


def test_the_verifiers_rates_count_only_where_it_verifies() -> None:
    rates = {"catch_rate": 0.8, "pass_rate": 0.9}
    off = parse_config({"tiers": TIERS, "verify": rates}, "x")
    assert (policy_of(off).catch_rate, policy_of(off).pass_rate) == (0.0, 1.0)
    on = parse_config({"tiers": TIERS, "verify": {"enabled": True, **rates}}, "x")
    assert (policy_of(on).catch_rate, policy_of(on).pass_rate) == (0.8, 0.9)
