from __future__ import annotations

import pytest

from openhands_tiered_router.config import (
    ConfigError,
    parse_config,
    policy_of,
    settings_of,
)
from openhands_tiered_router.guards.budget.limits import Budget
from openhands_tiered_router.policy.policy import Policy
from openhands_tiered_router.settings import RouterSettings, Sections
from openhands_tiered_router.tiers import Tier


TIERS = {"simple": "a/b"}


def test_a_configuration_without_sections_gives_the_defaults() -> None:
    config = parse_config({"tiers": TIERS}, "x")
    assert policy_of(config) == Policy()
    made = settings_of(config)
    default = RouterSettings()
    assert all(getattr(made, n) == getattr(default, n) for n in Sections.model_fields)


def test_every_section_arrives() -> None:
    raw = {
        "policy": {"side_tier": "complex"},
        "dispatch": {"total_timeout": 12.0},
        "breaker": {"cooldown": 13.0},
        "telemetry": {"keep_days": 7},
        "graph": {"enabled": False},
        "cache": {"one_hour": False},
        "budgets": [{"name": "b", "usd": 1.0}],
        "state": {"backend": "sqlite"},
        "loops": {"failures": 9},
        "verify": {"rounds": 3},
        "confirm": {"mode": "stop"},
        "skills": {"max_triggered": 5},
        "metrics": {"port": 9100},
        "tokens": {"filter": False},
        "memory": {"enabled": True},
        "reload": {"interval": 3.0},
    }
    assert raw.keys() == Sections.model_fields.keys()
    config = parse_config({"tiers": TIERS, "default_tier": "reasoning", **raw}, "x")
    made = settings_of(config)
    default = RouterSettings()
    assert all(getattr(made, name) != getattr(default, name) for name in raw)
    assert made.policy == Policy(base_tier=Tier.REASONING, side_tier=Tier.COMPLEX)
    assert made.dispatch is config.dispatch
    assert made.budgets == (Budget(name="b", usd=1.0),)


def test_the_default_tier_has_one_name() -> None:
    with pytest.raises(ConfigError, match="Write default_tier at the top"):
        parse_config({"tiers": TIERS, "policy": {"base_tier": "simple"}}, "x")


def test_settings_given_in_code_are_laid_over_the_file_key_by_key() -> None:
    raw = {"tiers": TIERS, "policy": {"repeats": 5, "idle_turns": 9}}
    file = settings_of(parse_config(raw, "x"))
    given = RouterSettings(
        budgets=(Budget(name="b", usd=1.0),), policy=Policy(idle_turns=7)
    )
    both = given.over(file)
    assert both.endpoints == file.endpoints != ()
    assert both.budgets == given.budgets
    assert (both.policy.repeats, both.policy.idle_turns) == (5, 7)
    assert both.followed_file is None


def test_a_profile_names_a_value() -> None:
    def value(policy: dict[str, object]) -> float:
        return policy_of(
            parse_config({"tiers": TIERS, "policy": policy}, "x")
        ).task_value

    assert value({"profile": "cost"}) < value({}) < value({"profile": "quality"})
    assert value({"profile": "cost", "task_value": 0.3}) == 0.3
    with pytest.raises(ConfigError, match="cost, balanced, quality"):
        value({"profile": "cheap"})


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
