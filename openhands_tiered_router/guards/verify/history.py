"""What an agent itself did to check its work, read off its events."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from openhands.sdk.event import ActionEvent, AgentErrorEvent, Event, ObservationEvent

from openhands_tiered_router.guards.verify.evidence import PROSE
from openhands_tiered_router.guards.verify.git import Changed
from openhands_tiered_router.policy.actions import Action, action_of, with_result
from openhands_tiered_router.policy.entry import Entry, ToolCall
from openhands_tiered_router.policy.kinds import CHANGES, ActionKind


CHECKS: Final = frozenset({ActionKind.TEST, ActionKind.SNIPPET, ActionKind.RUN})
"""Kinds of action that run the project's code."""

_TRACEBACK: Final = "Traceback (most recent call last)"


@dataclass(frozen=True, slots=True)
class Deed:
    """One tool call with its result."""

    action: Action
    command: str
    """As the agent wrote it; "" for tools that are no terminal."""
    output: str

    @property
    def failed(self) -> bool:
        """By exit code; of tests, what the output says too, for pipes hide the code."""
        if self.action.kind is ActionKind.TEST:
            return bool(self.action.failed)
        return bool(self.action.exit_code) or _TRACEBACK in self.output


class Reproduction(StrEnum):
    """What became of a command that failed before the first edit."""

    NONE = "none"
    """No command failed before the first edit."""
    PASSES = "passes"
    """The same command succeeded after the last edit."""
    FAILS = "fails"
    """It still fails after the last edit."""
    STALE = "stale"
    """It was not run again after the last edit."""


@dataclass(frozen=True, slots=True)
class OwnChecks:
    """How the agent checked what it did."""

    checked: bool
    """Whether a command that runs code succeeded after the last edit."""
    reproduction: Reproduction
    witness: Deed | None = None
    """The reproduction's latest run."""


def deeds(events: Iterable[Event]) -> list[Deed]:
    """The tool calls that got a result, in order."""
    asked: dict[str, Deed] = {}
    done: list[Deed] = []
    for event in events:
        if isinstance(event, ActionEvent):
            call = event.tool_call
            action = action_of(
                ToolCall(id=call.id, name=event.tool_name, arguments=call.arguments)
            )
            asked[event.tool_call_id] = Deed(action, _command(call.arguments), "")
        elif isinstance(event, ObservationEvent | AgentErrorEvent):
            deed = asked.pop(event.tool_call_id, None)
            if deed is not None:
                done.append(_with_result(deed, event))
    return done


def own_checks(done: Sequence[Deed], changed: Sequence[Changed]) -> OwnChecks:
    """How the agent checked its work.

    Args:
        done: Its tool calls since the state of the tree that ``changed`` is against.
        changed: What differs by now. Edits of other files, such as a script that is
            gone again, leave nothing to check.
    """
    edits = [i for i, d in enumerate(done) if _edits(d, [c.path for c in changed])]
    if not edits:
        return OwnChecks(checked=False, reproduction=Reproduction.NONE)
    old = [c.path for c in changed if c.status != "A"]
    code = [c.path for c in changed if not c.path.endswith(PROSE)]
    first = next((i for i in edits if _edits(done[i], old)), len(done))
    last = max((i for i in edits if _edits(done[i], code)), default=-1)
    failing = {
        d.command
        for i, d in enumerate(done[:first])
        # One whose own script is edited later is another command by then.
        if _is_check(d) and d.failed and not _rewritten(d.command, done[i + 1 :], old)
    }
    after = [d for d in done[last + 1 :] if _is_check(d)]
    checked = any(not d.failed for d in after)
    if not failing:
        return OwnChecks(checked, Reproduction.NONE)
    again = {d.command: d for d in after if d.command in failing}
    if not again:
        before = [d for d in done if d.command in failing]
        return OwnChecks(checked, Reproduction.STALE, before[-1])
    still = [d for d in again.values() if d.failed]
    if still:
        return OwnChecks(checked, Reproduction.FAILS, still[-1])
    return OwnChecks(checked, Reproduction.PASSES, next(iter(again.values())))


def _edits(deed: Deed, paths: Sequence[str]) -> bool:
    if deed.action.kind not in CHANGES or deed.action.exit_code:
        return False
    named = [n.removeprefix("./") for n in deed.action.paths]
    return any(f"/{n}".endswith(f"/{p}") for n in named for p in paths)


def _rewritten(command: str, later: Sequence[Deed], old: Sequence[str]) -> bool:
    """Whether a script of the agent's own that the command names is edited later."""
    edits = [d for d in later if d.action.kind is ActionKind.EDIT]
    scripts = {
        path.rpartition("/")[2]
        for deed in edits
        if not _edits(deed, old)
        for path in deed.action.paths
    }
    return any(
        re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", command)
        for name in scripts
        if name
    )


def _is_check(deed: Deed) -> bool:
    return bool(deed.command) and deed.action.kind in CHECKS


def _command(arguments: str) -> str:
    try:
        parsed = json.loads(arguments)
    except (ValueError, RecursionError):
        return ""
    command = parsed.get("command") if isinstance(parsed, dict) else None
    return command.strip() if isinstance(command, str) else ""


def _with_result(deed: Deed, event: ObservationEvent | AgentErrorEvent) -> Deed:
    if isinstance(event, AgentErrorEvent):
        return replace(deed, action=replace(deed.action, failed=True, exit_code=1))
    observation = event.observation
    code = getattr(observation, "exit_code", None)
    code = code if isinstance(code, int) else int(observation.is_error)
    entry = Entry(role="tool", text=observation.text, exit_code=code)
    return replace(
        deed, action=with_result(deed.action, entry), output=observation.text
    )
