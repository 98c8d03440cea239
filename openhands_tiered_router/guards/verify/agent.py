"""Agents that may not end before their work was verified.

The agent's own step is the one place that ``run()`` and ``arun()`` pass, in a script
and on an agent-server alike. Callbacks cannot do it: they run on the event loop, and
what they say about the end is overwritten by the step that they are called from.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from openhands.sdk import Agent, LocalConversation
from openhands.sdk.conversation import (
    ConversationCallbackType,
    ConversationTokenCallbackType,
)
from openhands.sdk.conversation.state import (
    ConversationExecutionStatus,
    ConversationState,
)

from openhands_tiered_router.guards.verify.finish import Finish


if TYPE_CHECKING:
    _Base = Agent
else:
    _Base = object


class VerifiesFinish(_Base):
    """Mixin for agent kinds: an end is one only after its verification."""

    def finish_of(self, conversation: LocalConversation) -> Finish | None:
        """How the ends of a conversation are verified; ``None``: not at all."""
        raise NotImplementedError

    def step(
        self,
        conversation: LocalConversation,
        on_event: ConversationCallbackType,
        on_token: ConversationTokenCallbackType | None = None,
    ) -> None:
        """See ``Agent.step``; verifies if that was the last one."""
        finish = self.finish_of(conversation)
        if finish is None:
            super().step(conversation, on_event=on_event, on_token=on_token)
            return
        finish.tell_router()
        if finish.is_new():
            with finish.safely():
                finish.remember(finish.begun())
        if not finish.interrupted():
            super().step(conversation, on_event=on_event, on_token=on_token)
        if finish.ended():
            with finish.safely(), finish.held_back():
                finish.conclude(finish.judge(), on_event)

    async def astep(
        self,
        conversation: LocalConversation,
        on_event: ConversationCallbackType,
        on_token: ConversationTokenCallbackType | None = None,
    ) -> None:
        """Async twin of ``step``; what blocks is done in a thread."""
        finish = self.finish_of(conversation)
        if finish is None:
            await super().astep(conversation, on_event=on_event, on_token=on_token)
            return
        finish.tell_router()
        if finish.is_new():
            with finish.safely():
                finish.remember(await asyncio.to_thread(finish.begun))
        if not finish.interrupted():
            await super().astep(conversation, on_event=on_event, on_token=on_token)
        if finish.ended():
            with finish.safely(), finish.held_back():
                judged = await asyncio.to_thread(finish.judge)
                finish.conclude(judged, on_event)

    @property
    def verifies(self) -> bool:
        """Whether ends are verified."""
        raise NotImplementedError

    # A static method there; to a type checker an instance may not answer for it.
    if not TYPE_CHECKING:

        def _mark_conversation_finished(self, state: ConversationState) -> None:
            """Leaves the end to the verdict: a client of the agent-server that waits
            for the end goes away at once. SDK 1.50 does not ask, and shows it early."""
            if not self.verifies:
                state.execution_status = ConversationExecutionStatus.FINISHED
