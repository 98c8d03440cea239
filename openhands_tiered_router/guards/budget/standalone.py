"""A budget beside a plain ``LLM``: from the conversation's own books and events."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from weakref import WeakKeyDictionary

from openhands.sdk import LocalConversation
from openhands.sdk.event import ActionEvent, Event, MessageEvent, PauseEvent
from openhands.sdk.event.user_action import InterruptEvent

from openhands_tiered_router.guards.budget import messages
from openhands_tiered_router.guards.budget.guard import (
    NAME,
    goes_on,
    pause_hard,
    tell_soft,
)
from openhands_tiered_router.guards.budget.ledger import Balance, exceeded
from openhands_tiered_router.guards.budget.limits import (
    MEASURES,
    Budget,
    Spend,
    nano,
)
from openhands_tiered_router.guards.budget.registry import BudgetStatus
from openhands_tiered_router.guards.guard import Guard


@dataclass(slots=True)
class Progress:
    """What the events so far tell."""

    events: int = 0
    turns: int = 0
    ms: int = 0
    response: str | None = None
    """The last answer, which may be the source of several events."""
    last: datetime | None = None
    """When work was last seen; ``None``: what follows is no work."""

    def add(self, event: Event) -> None:
        """Takes in the next event."""
        self.events += 1
        at = datetime.fromisoformat(event.timestamp)
        from_user = isinstance(event, MessageEvent) and event.source == "user"
        if self.last is not None and not from_user:
            self.ms += max(0, round(1e3 * (at - self.last).total_seconds()))
        stopped = isinstance(event, PauseEvent | InterruptEvent)
        self.last = None if stopped else at
        if isinstance(event, ActionEvent | MessageEvent):
            response = event.llm_response_id
            if response is not None and response != self.response:
                self.turns, self.response = self.turns + 1, response


class BudgetGuard(Guard):
    """Pauses a conversation when its own books pass a limit; needs no router.

    It sees a call when it is paid for: nothing refuses the one that goes too far, and
    each ``run()`` past the limit costs one more step. Beside a router use
    ``router.callbacks()`` and ``[[budgets]]``, which count before the call too.
    """

    name: ClassVar[str] = NAME

    def __init__(
        self,
        *,
        usd: float | None = None,
        tokens: int | None = None,
        turns: int | None = None,
        seconds: float | None = None,
        soft: float = 0.8,
        allow_unpriced: bool = False,
    ) -> None:
        """Limits of each conversation; see ``Budget`` for the meaning of each.

        ``seconds`` counts the time between events but for pauses and waits for the
        user; the time that a killed process was away counts as one such gap.
        """
        super().__init__()
        self._budget = Budget(
            name="BudgetGuard",
            usd=usd,
            tokens=tokens,
            turns=turns,
            seconds=seconds,
            soft=soft,
            allow_unpriced=allow_unpriced,
        )
        # Nothing but what the conversation's stored events tell again.
        self._progress: WeakKeyDictionary[LocalConversation, Progress] = (
            WeakKeyDictionary()
        )

    def see(self, conversation: LocalConversation, event: Event) -> None:
        """Compares the conversation's books with the limits; work is incremental."""
        progress = self._progress.setdefault(conversation, Progress())
        events = conversation.state.events
        for index in range(progress.events, len(events)):
            progress.add(events[index])
        if not goes_on(event):
            return
        status = self._status(_spent(conversation, progress))
        tell_soft(conversation, status)
        pause_hard(conversation, status)

    def _status(self, spent: Spend) -> BudgetStatus:
        budget, books = self._budget, Balance(spent=spent)
        limits = budget.limits
        unpriced = spent.tokens and not spent.usd and not budget.allow_unpriced
        if budget.usd is not None and unpriced:
            text = messages.unpriced_notice(budget, ["the model"])
            return BudgetStatus(hard=text)
        measure = exceeded(limits, spent, Spend())
        if measure is not None:
            where = f"{MEASURES[measure]} of BudgetGuard"
            text = messages.hard_notice(budget, measure, books, where=where)
            return BudgetStatus(hard=text)
        soft = {
            f"{name}:{limit}": messages.soft_notice(budget, name, books, routed=False)
            for name, limit in limits
            if spent[name] >= budget.soft * limit
        }
        return BudgetStatus(soft=soft)


def _spent(conversation: LocalConversation, progress: Progress) -> Spend:
    """All usage ids of the conversation: agent, condenser, sub-agents, titles."""
    usd, tokens = 0.0, 0
    for metrics in conversation.conversation_stats.usage_to_metrics.values():
        usd += metrics.accumulated_cost
        used = metrics.accumulated_token_usage
        if used is not None:
            tokens += used.prompt_tokens + used.completion_tokens
    return Spend(usd=nano(usd), tokens=tokens, turns=progress.turns, ms=progress.ms)
