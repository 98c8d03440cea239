"""``[[budgets]]`` and ``[state]``."""

from __future__ import annotations

import pytest

from openhands_tiered_router.calls.settings import StateSettings
from openhands_tiered_router.config import ConfigError, parse_config
from openhands_tiered_router.guards.budget.limits import Budget, Scope
from openhands_tiered_router.tiers import Tier


TIERS = {"complex": "openai/gpt-4o"}


def config(**sections):
    return parse_config({"tiers": TIERS, **sections}, "test.toml")


def test_budgets_are_read() -> None:
    tables = [
        {"name": "each", "usd": 2.5, "soft": 0.5, "soft_tier": "simple"},
        {"name": "each", "scope": "day", "tokens": 10**6, "allow_unpriced": True},
    ]
    read = list(config(budgets=tables).budgets)
    assert read == [
        Budget(name="each", usd=2.5, soft=0.5, soft_tier=Tier.SIMPLE),
        Budget(name="each", scope=Scope.DAY, tokens=10**6, allow_unpriced=True),
    ]
    assert config().budgets == ()


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"usd": 1}, "name"),
        ({"name": "b"}, "Give at least one of usd, tokens, turns, seconds"),
        ({"name": "b", "usd": -1}, "usd"),
        ({"name": "b", "usd": float("inf")}, "usd"),
        ({"name": "b", "usd": 1, "soft": 0}, "soft"),
        ({"name": "b", "usd": 1, "scope": "week"}, "Write one of call, conversation"),
        ({"name": "b", "usd": 1, "soft_tier": "best"}, "Write one of simple"),
        ({"name": "b", "scope": "call", "turns": 1}, "attempt_timeout"),
        ({"name": "b", "turns": 1.5}, "whole number"),
        ({"name": "b", "uds": 1}, "Did you mean usd?"),
    ],
)
def test_a_bad_budget_is_told(table: dict, words: str) -> None:
    with pytest.raises(ConfigError) as raised:
        config(budgets=[table])
    assert words in str(raised.value)
    assert "budgets[0]" in str(raised.value)


def test_two_budgets_of_one_scope_and_name_are_told() -> None:
    with pytest.raises(ConfigError, match="two budgets of one scope and name"):
        config(budgets=[{"name": "b", "usd": 1}, {"name": "b", "turns": 1}])


def test_the_state_backend() -> None:
    assert config().state == StateSettings()
    redis = {"backend": "redis", "url_env": "REDIS_URL"}
    read = config(state=redis).state
    assert read == StateSettings(backend="redis", url_env="REDIS_URL")
    with pytest.raises(ConfigError, match=r"url_env = .REDIS_URL"):
        config(state={"backend": "redis"})
    with pytest.raises(ConfigError, match="Write one of memory, sqlite, redis"):
        config(state={"backend": "mongo"})
