"""Settings from outside become a policy, or an error that names the setting."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from openhands_tiered_router.fields import explain
from openhands_tiered_router.policy.policy import (
    PROFILES,
    Policy,
)
from openhands_tiered_router.tiers import Tier


def test_settings_are_taken_by_name() -> None:
    policy = Policy.model_validate(
        {"base_tier": "reasoning", "repeats": 5, "risky_paths": ["migrations/*"]}
    )
    assert policy.base_tier is Tier.REASONING
    assert policy.repeats == 5
    assert policy.risky_paths == ("migrations/*",)


def test_no_settings_give_the_defaults() -> None:
    assert Policy.model_validate({}) == Policy()


@pytest.mark.parametrize("profile", PROFILES)
def test_profile_sets_task_value_unless_that_is_given_too(profile: str) -> None:
    assert Policy.model_validate({"profile": profile}).task_value == PROFILES[profile]
    assert (
        Policy.model_validate({"profile": profile, "task_value": 0.9}).task_value == 0.9
    )


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"ecconomy": 0.3}, "cannot be used: Extra inputs"),
        ({"task_value": -2}, "must be at least 0"),
        ({"task_value": "high"}, "must be a number, is 'high'"),
        ({"task_value": True}, "must be a number"),
        ({"repeats": 0}, "must be at least 1"),
        ({"repeats": 2.5}, "must be a whole number"),
        ({"task_value": float("inf")}, "must be a finite number"),
        ({"base_tier": "huge"}, "is not a tier"),
        ({"risky_paths": "a/*"}, "must be a list"),
        ({"dimension_weights": [0.1]}, "must be a table"),
        ({"dimension_weights": {"breadth": -1}}, "must be at least 0"),
        ({"dimension_weights": {"breadth": float("nan")}}, "must be a finite number"),
        ({"dimension_weights": {"bredth": 1}}, "is not a dimension"),
        ({"profile": "cheapest"}, "is not a profile"),
    ],
)
def test_bad_setting_is_named(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Policy.model_validate(settings)
    (detail,) = caught.value.errors()
    assert detail["loc"][0] == next(iter(settings))
    assert said in explain(detail, repr(detail["input"]))[0]
