"""Budgets in real conversations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from openhands_tiered_router import ComplexityRouter
from openhands_tiered_router.calls.settings import StateSettings
from openhands_tiered_router.calls.state.stores import durable_store_for
from openhands_tiered_router.guards.budget import ledger
from openhands_tiered_router.guards.budget.ledger import Balance
from openhands_tiered_router.guards.budget.limits import NANO, Budget
from openhands_tiered_router.guards.budget.registry import reset_registry
from openhands_tiered_router.policy import rules
from openhands_tiered_router.settings import RouterSettings
from tests.guards.conftest import _no_hidden_fault
from tests.routed.conftest import QUICK, World, world


__all__ = ["_no_hidden_fault", "world"]

PLAIN_RULES = (
    rules.capable,
    rules.side_request,
    rules.caps,
    rules.pins,
    rules.choose,
)


@pytest.fixture(autouse=True)
def _own_registry() -> Iterator[None]:
    reset_registry()
    yield
    reset_registry()


def routed(world: World, *budgets: Budget, **fields: Any) -> ComplexityRouter:
    """A router under those budgets that serves turns with its default tier."""
    state = fields.pop("state", StateSettings())
    settings = RouterSettings(dispatch=QUICK, budgets=budgets, state=state)
    return world.router(settings=settings, **fields).with_rules(PLAIN_RULES)


def books(budget: Budget, conversation: object = None) -> Balance:
    """What the ledger of that budget says, in the default store."""
    key = budget.key(None if conversation is None else str(conversation), 0.0)
    assert key is not None
    return ledger.balance(durable_store_for(StateSettings()).read(key))


def usd(nano: int) -> float:
    return nano / NANO
