"""Callbacks that keep a conversation from doing harm; see ``docs/guards.md``.

Importing this package imports no SDK; using one of its public names does.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final


if TYPE_CHECKING:
    from openhands_tiered_router.guards.budget.limits import Budget, Scope
    from openhands_tiered_router.guards.budget.standalone import BudgetGuard
    from openhands_tiered_router.guards.confirm.queue import (
        ConfirmationQueue,
        approve,
        describe,
        reject,
        waiting,
    )
    from openhands_tiered_router.guards.confirm.settings import ConfirmSettings
    from openhands_tiered_router.guards.guard import Guard
    from openhands_tiered_router.guards.loops.guard import LoopGuard
    from openhands_tiered_router.guards.loops.settings import LoopSettings
    from openhands_tiered_router.guards.pausing import pause, pause_reasons
    from openhands_tiered_router.guards.verify.settings import VerifySettings


__all__ = [
    "Budget",
    "BudgetGuard",
    "ConfirmSettings",
    "ConfirmationQueue",
    "Guard",
    "LoopGuard",
    "LoopSettings",
    "Scope",
    "VerifySettings",
    "approve",
    "describe",
    "pause_reasons",
    "pause",
    "reject",
    "waiting",
]

_HOMES: Final = {
    "Budget": "budget.limits",
    "BudgetGuard": "budget.standalone",
    "ConfirmSettings": "confirm.settings",
    "ConfirmationQueue": "confirm.queue",
    "Guard": "guard",
    "LoopGuard": "loops.guard",
    "LoopSettings": "loops.settings",
    "Scope": "budget.limits",
    "VerifySettings": "verify.settings",
    "approve": "confirm.queue",
    "describe": "confirm.queue",
    "pause_reasons": "pausing",
    "pause": "pausing",
    "reject": "confirm.queue",
    "waiting": "confirm.queue",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{home}"), name)
