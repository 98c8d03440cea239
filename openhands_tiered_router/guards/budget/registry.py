"""What guards and routers of one process tell each other about budgets; no I/O."""

from __future__ import annotations

import os
import secrets
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Final

from openhands_tiered_router.guards.budget.limits import MEASURES, Budget, Scope


MAX_CONVERSATIONS: Final = 1_000
"""Remembered; past it the oldest begins anew at its next call."""


@dataclass(frozen=True, slots=True)
class BudgetStatus:
    """How a conversation stood with its budgets after its last call."""

    soft: Mapping[str, str] = field(default_factory=dict)
    """What to tell the user of a soft limit that was passed, by a name for it."""
    hard: str | None = None
    """Why the next call will not be sent; ``None``: as far as known it will."""


UNLIMITED: Final = BudgetStatus()
"""No limit is near."""


class Registry:
    """Safe under threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._statuses: OrderedDict[str, BudgetStatus] = OrderedDict()
        self._marks: OrderedDict[str, float] = OrderedDict()
        self._prefix = secrets.token_urlsafe(9)
        self._numbers = count()
        self._raised: dict[tuple[Scope, str], Mapping[str, float | None]] = {}

    def new_id(self) -> str:
        """A name for a call that no other call has, here or elsewhere."""
        return f"{self._prefix}{next(self._numbers):x}"

    def status(self, conversation: str) -> BudgetStatus | None:
        """A conversation's status; ``None``: unknown."""
        return self._statuses.get(conversation)

    def note(self, conversation: str, status: BudgetStatus) -> None:
        self._put(self._statuses, conversation, status)

    def mark(self, conversation: str, at: float | None) -> None:
        """Notes when a step's call ended; ``None``: what follows is no work."""
        if at is not None:
            self._put(self._marks, conversation, at)
        else:
            self._marks.pop(conversation, None)

    def since(self, conversation: str, now: float) -> float:
        """Seconds since the mark; 0 without one."""
        return max(0.0, now - self._marks.get(conversation, now))

    def raise_limits(
        self,
        budgets: Sequence[Budget],
        name: str,
        limits: Mapping[str, float | None],
    ) -> None:
        """Changes limits of the budgets of that name, from the next call on.

        Raises:
            ValueError: There is no such budget or limit.
        """
        named = [budget for budget in budgets if budget.name == name]
        if not named:
            names = ", ".join(budget.name for budget in budgets) or "none"
            raise ValueError(f"unknown budget {name!r}; the budgets are {names}")
        if unknown := limits.keys() - set(MEASURES):
            measures = ", ".join(MEASURES)
            raise ValueError(f"unknown limit {min(unknown)}; write one of {measures}")
        with self._lock:
            for budget in named:
                known = self._raised.get((budget.scope, name), {})
                self._raised[budget.scope, name] = {**known, **limits}

    def current(self, budget: Budget) -> Budget:
        """The budget with the limits that hold now."""
        raised = self._raised.get((budget.scope, budget.name))
        return budget.model_copy(update=raised) if raised else budget

    def _put[T](self, known: OrderedDict[str, T], conversation: str, value: T) -> None:
        if known.get(conversation) is value:
            return
        with self._lock:
            known[conversation] = value
            if len(known) > MAX_CONVERSATIONS:
                known.popitem(last=False)


_registry = Registry()


def registry() -> Registry:
    """The desk of this process."""
    return _registry


def reset_registry() -> None:
    """Begins afresh: in a forked child, whose lock may be held for ever, and tests."""
    global _registry
    _registry = Registry()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=reset_registry)
