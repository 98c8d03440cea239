"""The loop guard: pauses a conversation that gets nowhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from weakref import WeakKeyDictionary

from openhands.sdk import LocalConversation
from openhands.sdk.event import Event
from openhands.sdk.event.conversation_state import ConversationStateUpdateEvent

from openhands_tiered_router.guards.guard import Guard, Journal
from openhands_tiered_router.guards.loops.settings import LoopSettings
from openhands_tiered_router.guards.loops.state import GUARD, LoopState
from openhands_tiered_router.guards.loops.verdict import Typical, finding, runaway
from openhands_tiered_router.guards.pausing import pause, tell


_STRONGER_TURNS: Final = 5
"""Turns that a stronger model gets when a run becomes a runaway: a look at where it
stands, not the rest of it. Judgement."""
_EVENTS_A_TURN: Final = 4
"""More than a turn leaves on average; for how far back to read after a restart."""


@dataclass(frozen=True, slots=True)
class Router:
    """What a router adds to the guard; conversations are named by their ids."""

    typical: Callable[[str], Typical | None]
    """How long runs of the model that serves it usually are. Must not block."""
    escalate: Callable[[str, int], None]
    """Asks for a stronger model for so many turns."""


class LoopGuard(Guard):
    """Pauses for review when a run fails, repeats itself or does not end.

    Stands alone beside a plain LLM: ``Conversation(agent, callbacks=[LoopGuard()])``.
    With a router, a run that becomes longer than usual gets a stronger model for some
    turns instead of a pause. Repeats and failures raise the router's floor before that,
    by the history alone; see ``policy/difficulty/escalation.py``.
    """

    name = GUARD

    def __init__(
        self,
        settings: LoopSettings | None = None,
        *,
        router: Router | None = None,
        journal: Journal | None = None,
    ) -> None:
        super().__init__()
        self._settings = settings or LoopSettings()
        self._router = router
        self._journal = journal
        # What is here can always be read off the events again.
        self._states: WeakKeyDictionary[LocalConversation, tuple[str, LoopState]]
        self._states = WeakKeyDictionary()

    def see(self, conversation: LocalConversation, event: Event) -> None:
        if isinstance(event, ConversationStateUpdateEvent):
            return
        last, state = self._states.get(conversation, (None, None))
        if state is None or last != event.parent_id:
            state = self._replayed(conversation)
        else:
            state = state.after(event)
        self._states[conversation] = event.id, state
        if not state.resting:
            self._judge(conversation, state)

    def _judge(self, conversation: LocalConversation, state: LoopState) -> None:
        found = finding(state, self._settings)
        if found is not None:
            self._note(conversation, found.kind, state)
            pause(conversation, self.name, found.text)
            return
        told = runaway(state, self._typical(conversation))
        if told is None:
            return
        self._note(conversation, "runaway", state)
        if self._router is None:
            again = "Run the conversation again to let it go on."
            pause(conversation, self.name, f"{told} {again}")
            return
        tell(conversation, self.name, f"{told} A stronger model takes a look at it.")
        self._router.escalate(str(conversation.id), _STRONGER_TURNS)

    def _typical(self, conversation: LocalConversation) -> Typical | None:
        turns = self._settings.runaway_turns
        if turns is not None:
            return Typical(turns, f"{turns} are held to be many ([loops])")
        return self._router.typical(str(conversation.id)) if self._router else None

    def _replayed(self, conversation: LocalConversation) -> LoopState:
        """After a restart, a fork or a step back: the branch as it is, with the
        event at hand. Only a limit on the whole conversation needs all of it."""
        settings = self._settings
        recent = _EVENTS_A_TURN * settings.turns_per_run
        limit = recent if settings.turns_per_conversation is None else None
        return LoopState().fold(conversation.state.active_branch(limit=limit))

    def _note(
        self, conversation: LocalConversation, kind: str, state: LoopState
    ) -> None:
        if self._journal is None:
            return
        self._journal.note(
            self.name,
            kind,
            conversation_id=str(conversation.id),
            time=time.time(),
            turns=state.run_turns,
            failures=state.failures,
        )
