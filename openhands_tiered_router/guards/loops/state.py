"""How a run is going, folded from a conversation's events.

Nothing here is stored: the events are, and tell the same after a restart or a fork.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from openhands.sdk.event import (
    ActionEvent,
    AgentErrorEvent,
    Event,
    MessageEvent,
    ObservationEvent,
    PauseEvent,
)
from openhands.sdk.event.conversation_error import ConversationErrorEvent
from openhands.sdk.event.user_action import InterruptEvent
from openhands.sdk.llm import content_to_str

from openhands_tiered_router.guards.loops.settings import LoopSettings
from openhands_tiered_router.guards.pausing import notice_of, pause_reason_of
from openhands_tiered_router.policy.actions import (
    CUT_SHORT,
    Action,
    action_of,
    observed_exit_code,
    with_result,
)
from openhands_tiered_router.policy.entry import Entry, ToolCall
from openhands_tiered_router.policy.kinds import ActionKind
from openhands_tiered_router.policy.trouble import Edits, judged


GUARD: Final = "loop"
KEPT: Final = 60
"""Actions remembered to see repeats: the configuration allows no more."""
_FAILURES_TOLD: Final = 3
_LABEL: Final = 70
"""Characters of a command that a message shows."""


@dataclass(frozen=True, slots=True)
class LoopState:
    """A conversation so far, as far as it tells of loops."""

    turns: int = 0
    """Answers of the model since a user last reviewed the conversation on this guard's
    word, or since its beginning."""
    run_turns: int = 0
    """Answers since the user last spoke, or let it go on."""
    failures: int = 0
    """Actions in a row that failed unexpectedly."""
    failed: tuple[str, ...] = ()
    """The last of them, in words for the user."""
    done: tuple[tuple[int, int], ...] = ()
    """Latest actions with their results, as numbers that are equal for equal ones."""
    told_runaway: bool = False
    """Whether the user knows that this run is a runaway."""
    edits: Edits = Edits()
    asked: Mapping[str, tuple[Action, str]] = field(default_factory=dict)
    """By tool call id: actions without a result, and what to call them."""
    response: str | None = None
    """The model's last answer."""
    resting: bool = True
    """Whether nothing runs until the user wants it to."""

    def after(self, event: Event) -> LoopState:
        """The state after one more event of the active branch."""
        match event:
            case ActionEvent():
                return self._asked(event)
            case ObservationEvent():
                return self._done(event)
            case AgentErrorEvent() if not CUT_SHORT.match(event.error):
                return self._error(event)
            case MessageEvent(source="agent"):
                return self._message(event)
            case MessageEvent(source="user"):
                return self._user()
            case PauseEvent() | InterruptEvent():
                return self._fresh()
            case ConversationErrorEvent():
                return self._told(event)
        return self

    def fold(self, events: Iterable[Event]) -> LoopState:
        """The state after those further events."""
        state = self
        for event in events:
            state = state.after(event)
        return state

    def _answered(self, response: str | None) -> LoopState:
        """One turn more, unless the answer is one that was counted."""
        if response is not None and response == self.response:
            return replace(self, resting=False)
        return replace(
            self,
            turns=self.turns + 1,
            run_turns=self.run_turns + 1,
            response=response,
            resting=False,
        )

    def _asked(self, event: ActionEvent) -> LoopState:
        call = event.tool_call
        action = action_of(
            ToolCall(id=call.id, name=event.tool_name, arguments=call.arguments)
        )
        asked = {**self.asked, event.tool_call_id: (action, _label(event))}
        return replace(self._answered(event.llm_response_id), asked=asked)

    def _done(self, event: ObservationEvent) -> LoopState:
        observation = event.observation
        state, asked = self._taken(event.tool_call_id)
        if asked is None:
            return state
        action, label = asked
        entry = Entry(
            role="tool",
            text=observation.text,
            exit_code=observed_exit_code(observation),
        )
        result = replace(with_result(action, entry), tool_error=observation.is_error)
        action = judged(result, self.edits)
        state = replace(
            state,
            edits=self.edits.after(action),
            done=self._and_done(action),
            resting=self.resting or action.kind is ActionKind.FINISH,
        )
        if action.trouble:
            code = action.exit_code
            return state._failed(f"{label} (exit code {code})" if code else label)
        # What was expected to fail is no success either.
        failed = action.tool_error or bool(action.exit_code)
        return state if failed else replace(state, failures=0, failed=())

    def _and_done(self, action: Action) -> tuple[tuple[int, int], ...]:
        """Thoughts and plans are left out: they make no difference to what is done."""
        if action.kind in (ActionKind.THINK, ActionKind.PLAN):
            return self.done
        return (*self.done, (action.signature, action.result))[-KEPT:]

    def _error(self, event: AgentErrorEvent) -> LoopState:
        state, asked = self._taken(event.tool_call_id)
        label = asked[1] if asked else event.tool_name
        signature = asked[0].signature if asked else 0
        done = (*self.done, (signature, hash(event.error)))[-KEPT:]
        return replace(state, done=done)._failed(f"{label} (not a valid call)")

    def _message(self, event: MessageEvent) -> LoopState:
        state = self._answered(event.llm_response_id)
        if any(text.strip() for text in content_to_str(event.llm_message.content)):
            return replace(state, resting=True)
        return state._failed("an answer without a word or a tool call")

    def _user(self) -> LoopState:
        """The SDK also speaks as the user, to a model whose call was malformed; then
        nothing has come to rest, and the answer was a failure that left no event."""
        if self.resting:
            return self._fresh()
        return self._answered(None)._failed("an answer that could not be read")

    def _told(self, event: ConversationErrorEvent) -> LoopState:
        notice, held = notice_of(event), pause_reason_of(event)
        if notice is not None:
            ours = notice.guard == GUARD
            return replace(self, told_runaway=self.told_runaway or ours)
        if held is not None and held.guard == GUARD:
            return replace(self._fresh(), turns=0)
        return self._fresh()

    def _fresh(self) -> LoopState:
        """What comes now is wanted by the user, who has seen what was."""
        return LoopState(turns=self.turns, edits=self.edits, asked=self.asked)

    def _failed(self, label: str) -> LoopState:
        failed = (*self.failed, label)[-_FAILURES_TOLD:]
        return replace(self, failures=self.failures + 1, failed=failed)

    def _taken(self, call_id: str) -> tuple[LoopState, tuple[Action, str] | None]:
        asked = dict(self.asked)
        found = asked.pop(call_id, None)
        return replace(self, asked=asked), found


def repeats(done: tuple[tuple[int, int], ...]) -> tuple[int, int]:
    """How often the latest actions repeat those right before, and how many at a time.

    >>> a, b = (1, 1), (2, 2)
    >>> repeats((b, a, a, a))
    (3, 1)
    >>> repeats((a, b, a, b))
    (2, 2)
    """
    counts = ((_trailing(done, size), size) for size in (1, 2, 3))
    return max(counts, key=lambda found: found[0])


def _trailing(done: tuple[tuple[int, int], ...], size: int) -> int:
    unit, count = done[-size:], 0
    end = len(done)
    while end >= size and done[end - size : end] == unit:
        count, end = count + 1, end - size
    return count


def _label(event: ActionEvent) -> str:
    """The tool, with the command and the path that it was called with."""
    named = (getattr(event.action, name, None) for name in ("command", "path"))
    words = " ".join(w for w in named if isinstance(w, str)).split()
    text = " ".join([event.tool_name, *words])
    return text if len(text) <= _LABEL else f"{text[: _LABEL - 1]}…"


_GO_ON: Final = "Run the conversation again to let it go on, or say first what to do."


@dataclass(frozen=True, slots=True)
class Typical:
    """How long runs of a model usually are."""

    turns: int
    """So many that few runs took as many."""
    source: str
    """Where that is from, for the user."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Why a conversation is to be held."""

    kind: str
    text: str


def finding(state: LoopState, settings: LoopSettings) -> Finding | None:
    """The first reason to pause; ``None``: there is none."""
    if state.failures >= settings.failures:
        last = "; ".join(state.failed)
        text = f"The last {state.failures} actions failed, most recently: {last}."
        return Finding("failures", f"{text} {_GO_ON}")
    count, size = repeats(state.done)
    if count >= settings.repeats:
        what = "action" if size == 1 else f"{size} actions"
        text = f"The same {what} had the same result {count} times in a row."
        return Finding("repeats", f"{text} {_GO_ON}")
    if state.run_turns >= settings.turns_per_run:
        text = f"It took {state.run_turns} turns since you last spoke or let it go on."
        raised = "[loops] turns_per_run sets how many it may take."
        return Finding("turns_per_run", f"{text} {_GO_ON} {raised}")
    most = settings.turns_per_conversation
    if most is not None and state.turns >= most:
        text = f"The conversation took {state.turns} turns since the last review."
        raised = "[loops] turns_per_conversation sets how many it may take."
        return Finding("turns_per_conversation", f"{text} {_GO_ON} {raised}")
    return None


def runaway(state: LoopState, typical: Typical | None) -> str | None:
    """What to tell of a run that is longer than it should be, once."""
    if typical is None or state.told_runaway or state.run_turns < typical.turns:
        return None
    return f"This run took {state.run_turns} turns so far; {typical.source}."
