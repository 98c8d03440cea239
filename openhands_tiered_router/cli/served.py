"""Showing a conversation on an agent-server, and what each tier of one came to."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from rich.table import Table

from openhands_tiered_router.cli.turns import UNKNOWN, Reporter
from openhands_tiered_router.resolver.work import Done, TierCost, tier_of_book


if TYPE_CHECKING:
    from uuid import UUID

    from openhands.sdk.conversation.impl.remote_conversation import RemoteConversation
    from openhands.sdk.event import Event


def cost_table(tiers: Mapping[str, TierCost]) -> Table:
    """Calls, tokens and cost of each tier, for people."""
    table = Table(box=None, pad_edge=False)
    for name in ("tier", "calls", "tokens", "USD"):
        table.add_column(name, justify="left" if name == "tier" else "right")
    for name, cost in tiers.items():
        table.add_row(name, str(cost.calls), f"{cost.tokens:,}", f"{cost.usd:.4f}")
    return table


class ServedReporter(Reporter):
    """Shows the turns of a conversation on a server: their tiers are in its stats."""

    _served: RemoteConversation | None = None
    _pending: tuple[Event, ...] = ()

    def event(self, event: Event) -> None:
        """See ``Reporter.event``; shown once the server has reported its cost."""
        self._pending = (*self._pending, event)
        with suppress(Exception):
            while self._pending and self._is_known(self._pending[0]):
                super().event(self._pending[0])
                self._pending = self._pending[1:]

    def _is_known(self, event: Event) -> bool:
        response = getattr(event, "llm_response_id", None)
        return response is None or self.tier_of(response) != UNKNOWN

    def flush(self) -> None:
        """Shows what is left, known or not."""
        for event in self._pending:
            super().event(event)
        self._pending = ()

    def begin_served(self, id: UUID, conversation: RemoteConversation) -> None:
        """Announces it, by the id that its user knows."""
        self._served = conversation
        self.announce(id)

    def end_served(self, done: Done) -> None:
        """What it came to, for people."""
        self._out.print(cost_table(done.tiers))
        text = f"{done.status}; ${done.usd:.4f} in all"
        self._out.print(text, style="bold", markup=False)

    def tier_of(self, response_id: str | None) -> str:
        if self._served is None or response_id is None:
            return super().tier_of(response_id)
        stats = self._served.conversation_stats.usage_to_metrics
        return next(
            (
                tier_of_book(usage_id)
                for usage_id, metrics in stats.items()
                if any(u.response_id == response_id for u in metrics.token_usages)
            ),
            super().tier_of(response_id),
        )
