"""What the state of a run calls for: nothing, a word, or a pause."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from openhands_tiered_router.guards.loops.settings import LoopSettings
from openhands_tiered_router.guards.loops.state import LoopState, repeats


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
