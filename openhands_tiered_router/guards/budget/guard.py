"""Budgets as an event callback, beside a router."""

from __future__ import annotations

import time
from typing import ClassVar

from openhands.sdk import LocalConversation
from openhands.sdk.event import Event, PauseEvent
from openhands.sdk.event.user_action import InterruptEvent

from openhands_tiered_router.guards.budget import notices
from openhands_tiered_router.guards.budget.registry import registry
from openhands_tiered_router.guards.guard import Guard, Journal


class RoutedBudgetGuard(Guard):
    """Pauses a routed conversation before a call that its budgets would refuse.

    The router counts and refuses by itself; this makes a pause of it, before the
    call, and tells the user when a soft limit has lowered the tier.
    """

    name: ClassVar[str] = notices.NAME

    def __init__(self, journal: Journal) -> None:
        super().__init__()
        self._journal = journal

    def see(self, conversation: LocalConversation, event: Event) -> None:
        """Reads what the router left on this process's registry; no I/O of its own."""
        id = str(conversation.id)
        if isinstance(event, PauseEvent | InterruptEvent):
            registry().mark(id, None)
            return
        status = registry().status(id)
        if status is None or not notices.goes_on(event):
            return
        for name in notices.tell_soft(conversation, status):
            self._note(id, "soft_limit", limit=name)
        if notices.pause_hard(conversation, status):
            self._note(id, "held", limit="")

    def _note(self, id: str, kind: str, limit: str) -> None:
        self._journal.note(
            self.name, kind, conversation_id=id, time=time.time(), limit=limit
        )
