"""``with_rules``: a router decides by exactly the rules that it is given."""

from __future__ import annotations

from openhands_tiered_router.graph.settings import GraphSettings
from openhands_tiered_router.policy.economics.lifetime import CacheLifetime
from openhands_tiered_router.policy.exploration import Exploration, Explore
from openhands_tiered_router.policy.rules import RULES
from openhands_tiered_router.settings import RouterSettings


def test_given_rules_are_not_changed_by_the_settings(world) -> None:
    settings = RouterSettings(
        dispatch=world.quick,
        explore=Exploration(share=0.1),
        graph=GraphSettings(enabled=True),
    )
    given = (CacheLifetime(False), Explore(Exploration(share=0.3)), *RULES)
    router = world.router(settings=settings).with_rules(given)
    assert router._ready().engine.rules == given


def test_without_given_rules_the_settings_decide(world) -> None:
    explore = Exploration(share=0.1)
    settings = RouterSettings(
        dispatch=world.quick, explore=explore, graph=GraphSettings(enabled=False)
    )
    router = world.router(settings=settings).with_rules(None)
    rules = router._ready().engine.rules
    assert [type(rule) for rule in rules] == [type(rule) for rule in RULES]
    assert Explore(explore) in rules
    assert Explore() not in rules
