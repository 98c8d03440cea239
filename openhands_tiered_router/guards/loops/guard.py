"""The loop guard: pauses a conversation that gets nowhere."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from weakref import WeakKeyDictionary

from openhands.sdk import LocalConversation
from openhands.sdk.event import Event
from openhands.sdk.event.conversation_state import ConversationStateUpdateEvent

from openhands_tiered_router.guards.guard import Guard, Journal
from openhands_tiered_router.guards.loops.settings import LoopSettings
from openhands_tiered_router.guards.loops.state import (
    GUARD,
    LoopState,
    Typical,
    finding,
    runaway,
)
from openhands_tiered_router.guards.pausing import pause, tell


logger = logging.getLogger(__name__)

type TurnsByModel = Callable[[], Mapping[str, Sequence[int]]]


class LearntTurns:
    """Reads the telemetry once, in a thread of its own, when it is first asked."""

    def __init__(self, read: TurnsByModel | None, settings: LoopSettings) -> None:
        """
        Args:
            read: The turns of each finished run, by model. ``None``: there are none.
            settings: From how many runs on they tell something, and what.
        """
        self._read = read
        self._settings = settings
        self._lock = threading.Lock()
        self._begun = False
        self._typical: Mapping[str, Typical] = {}

    def typical(self, model: str | None) -> Typical | None:
        """Of runs that this model serves; ``None``: not known, or not yet."""
        if not self._begun:
            self._begin()
        return self._typical.get(model) if model else None

    def _begin(self) -> None:
        with self._lock:
            begun, self._begun = self._begun, True
        if not begun and self._read is not None:
            # Not a daemon: see ``sdk/graphs.py``.
            threading.Thread(target=self._learn, args=(self._read,)).start()

    def _learn(self, read: TurnsByModel) -> None:
        try:
            self._typical = {
                model: typical
                for model, turns in read().items()
                if (typical := typical_of(turns, self._settings))
            }
        except Exception as error:
            logger.warning(
                "how long runs usually are is not known: %s", type(error).__name__
            )


def typical_of(turns: Sequence[int], settings: LoopSettings) -> Typical | None:
    """The percentile, as the smallest number that the share of them does not exceed.

    ``None``: they are too few to tell.
    """
    if len(turns) < settings.learn_from:
        return None
    share = settings.runaway_percentile
    most = sorted(turns)[math.ceil(share * len(turns)) - 1]
    source = (
        f"{share:.0%} of {len(turns)} finished ones of this model took no more "
        f"than {most} (telemetry)"
    )
    return Typical(most + 1, source)


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
