"""Budgets fail closed: what cannot be read or priced is not free."""

from __future__ import annotations

from typing import Any, cast

import pytest
from openhands.sdk.conversation.exceptions import ConversationRunError

from openhands_tiered_router.calls.settings import StateSettings
from openhands_tiered_router.calls.state.stores import durable_store_for
from openhands_tiered_router.guards.budget.limits import Budget, Scope, Spend
from openhands_tiered_router.guards.budget.reservation import Quote
from openhands_tiered_router.policy.outcome import Outcome, Usage
from openhands_tiered_router.sdk.spending import _answered
from openhands_tiered_router.tiers import Tier
from tests.guards.budget.conftest import _own_registry, routed
from tests.guards.budget.test_conversations import counting, talk
from tests.routed.conftest import World


__all__ = ["_own_registry"]

OTHER_SCHEMAS = (
    {"version": 9, "total": 1},
    {"spent": "1", "open": {"x": [1]}},
    {},
    [],
)


@pytest.mark.own_fault
@pytest.mark.parametrize("stored", OTHER_SCHEMAS)
def test_10_a_ledger_of_another_schema_allows_nothing(
    world: World, stored: object
) -> None:
    budget = Budget(name="b", usd=5.0, scope=Scope.PROJECT)
    key = budget.key(None, 0.0)
    assert key is not None
    store = durable_store_for(StateSettings())
    store.apply(key, lambda _: (cast(Any, stored), None))
    counting(world, 1)
    conversation = talk(world, routed(world, budget))
    with pytest.raises(ConversationRunError, match="cannot be checked"):
        conversation.run()
    assert not world.provider.requests


QUOTE = Quote(Tier.COMPLEX, Spend(usd=5_000, tokens=900), True)


@pytest.mark.parametrize(
    ("usage", "cost"),
    [
        (Usage(), 0.0),
        (Usage(), None),
        (Usage(prompt=10, completion=1), None),
        (Usage(prompt=10, completion=1), float("nan")),
        (Usage(prompt=10, completion=1), -1.0),
        (Usage(prompt=10, completion=1), float("inf")),
    ],
)
def test_10_an_answer_without_usage_or_price_is_counted_as_expected(
    usage: Usage, cost: float | None
) -> None:
    outcome = Outcome(endpoint="x", attempts=(), usage=usage, cost=cost)
    spend, doubt = _answered(outcome, QUOTE)
    assert (spend.usd, doubt) == (5_000, 5_000)
    assert spend.tokens == 900


def test_10_an_answer_with_both_is_counted_exactly() -> None:
    usage = Usage(prompt=10, completion=1)
    outcome = Outcome(endpoint="x", attempts=(), usage=usage, cost=2e-6)
    assert _answered(outcome, QUOTE) == (Spend(usd=2_000, tokens=11), 0)


def test_10_a_model_that_is_free_stays_free() -> None:
    usage = Usage(prompt=10, completion=1)
    outcome = Outcome(endpoint="x", attempts=(), usage=usage, cost=0.0)
    assert _answered(outcome, QUOTE) == (Spend(tokens=11), 0)
