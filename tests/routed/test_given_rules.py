"""``with_rules``: a router decides by exactly the rules that it is given."""

from __future__ import annotations

from openhands_tiered_router.graph.settings import GraphSettings
from openhands_tiered_router.policy.economics.lifetime import (
    CacheLifetime,
    CacheSettings,
)
from openhands_tiered_router.policy.rules import RULES
from openhands_tiered_router.settings import RouterSettings


def test_given_rules_are_not_changed_by_the_settings(world) -> None:
    settings = RouterSettings(
        dispatch=world.quick,
        cache=CacheSettings(one_hour=True),
        graph=GraphSettings(enabled=True),
    )
    given = (CacheLifetime(False), *RULES)
    router = world.router(settings=settings).with_rules(given)
    assert router._ready().engine.rules == given


def test_without_given_rules_the_settings_decide(world) -> None:
    settings = RouterSettings(
        dispatch=world.quick,
        cache=CacheSettings(one_hour=False),
        graph=GraphSettings(enabled=False),
    )
    router = world.router(settings=settings).with_rules(None)
    rules = router._ready().engine.rules
    assert [type(rule) for rule in rules] == [type(rule) for rule in RULES]
    assert CacheLifetime(False) in rules
    assert CacheLifetime(True) not in rules
