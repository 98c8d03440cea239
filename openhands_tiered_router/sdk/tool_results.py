"""Records tool results under the conversation that the router served."""

from __future__ import annotations

from openhands.sdk.event import ActionEvent, Event

from openhands_tiered_router.calls.fleet import fleet
from openhands_tiered_router.record.telemetry.outcomes import ToolOutcomes


class RoutedToolOutcomes(ToolOutcomes):
    """Finds out its conversation by itself: from the answer that an action is part of.

    The SDK does not tell a callback which conversation it is called for.
    """

    def __call__(self, event: Event) -> None:
        if self.conversation_id is None and isinstance(event, ActionEvent):
            known = fleet().conversation_of(event.llm_response_id)
            self.conversation_id = known
        super().__call__(event)
