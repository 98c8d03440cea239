"""Settings from outside become a policy, or an error that names the setting."""

from __future__ import annotations

from typing import Any

import pytest

from openhands_tiered_router.policy.policy import (
    PROFILES,
    Policy,
    PolicyError,
    policy_from,
)
from openhands_tiered_router.tiers import Tier


def test_settings_are_taken_by_name() -> None:
    policy = policy_from(
        {"base_tier": "reasoning", "repeats": 5, "risky_paths": ["migrations/*"]}
    )
    assert policy.base_tier is Tier.REASONING
    assert policy.repeats == 5
    assert policy.risky_paths == ("migrations/*",)


def test_no_settings_give_the_defaults() -> None:
    assert policy_from({}) == Policy()


@pytest.mark.parametrize("profile", PROFILES)
def test_profile_sets_economy_unless_economy_is_given_too(profile: str) -> None:
    assert policy_from({"profile": profile}).economy == PROFILES[profile]
    assert policy_from({"profile": profile, "economy": 0.9}).economy == 0.9


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"ecconomy": 0.3}, "ecconomy: no such setting"),
        ({"economy": 2}, "economy: expected a number from 0 to 1"),
        ({"economy": "high"}, "economy: expected a number, got 'high'"),
        ({"repeats": 0}, "repeats: expected a whole number"),
        ({"repeats": 2.5}, "repeats: expected a whole number"),
        ({"leak_price": float("inf")}, "leak_price: expected a number"),
        ({"base_tier": "huge"}, "base_tier: unknown tier 'huge'"),
        ({"risky_paths": "a/*"}, "risky_paths: expected a list"),
        ({"dimension_weights": [0.1]}, "dimension_weights: expected a table"),
        ({"dimension_weights": {"breadth": -1}}, "dimension_weights.breadth: expected"),
        ({"dimension_weights": {"breadth": "x"}}, "dimension_weights.breadth: expec"),
        (
            {"dimension_weights": {"breadth": float("nan")}},
            "dimension_weights.breadth: expected a weight from 0 up, got nan",
        ),
        ({"dimension_weights": {"breadth": float("inf")}}, "dimension_weights.bread"),
        ({"profile": "cheapest"}, "profile: 'cheapest' is none"),
    ],
)
def test_bad_setting_is_named(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(PolicyError, match=f"^{said}"):
        policy_from(settings)
