"""What an agent did, by kind, read off its tool calls and their results."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from openhands_tiered_router.policy.cues import call_cues, result_cues
from openhands_tiered_router.policy.entry import Entry, ToolCall, arguments_of
from openhands_tiered_router.policy.failures import (
    ends_of,
    exit_code_of,
    never_began,
    reports_error,
    speaks_of_failure,
)
from openhands_tiered_router.policy.kinds import MECHANICAL, ActionKind
from openhands_tiered_router.policy.shell import answers_one
from openhands_tiered_router.policy.tools import (
    ToolFacts,
    command_of,
    is_shell,
    kind_of,
    path_of,
)
from openhands_tiered_router.policy.workspace import directory_of, entered


CUT_SHORT: Final = re.compile("Tool call (interrupted|cancelled)")
"""How the SDK's error text begins for calls that a pause or interrupt ended: no fault
of the model, and only the text tells them from those that are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One tool call and, once it is there, its result."""

    kind: ActionKind
    tool: str
    call_id: str
    signature: int
    """Equal for calls of the same tool with the same arguments."""
    failed: bool | None = None
    """``None``: no result yet."""
    tool_error: bool = False
    """Whether the tool itself said that it failed."""
    trouble: bool = False
    """Whether it failed and nobody expected that; see ``trouble.judged``."""
    speaks_of_failure: bool = False
    """Whether its result holds the words of a failure; what was read may, too."""
    may_answer_one: bool = False
    """Whether its exit code 1 is an answer, as of a search without a match."""
    exit_code: int | None = None
    result: int = 0
    """Equal for results that differ in times and addresses alone; 0 before there is
    one."""
    result_chars: int = 0
    result_lines: int = 0
    result_cues: int = 0
    """Bits of ``cues.RESULT_CUES``."""
    by_shell: bool = False
    """Whether it was a command line."""
    call_chars: int = 0
    """Length of the command, or of the arguments of other tools."""
    call_cues: int = 0
    """Bits of ``cues.CALL_CUES``."""
    paths: tuple[str, ...] = ()
    """Files that the call names, as it names them; the first few."""
    place: str = ""
    """The absolute directory that it worked in, as far as it names one."""


_LOOKS: Final = frozenset({ActionKind.READ, ActionKind.SEARCH, ActionKind.LIST})
"""Kinds that show what others wrote: its words report no failure."""
_USES: Final = frozenset({*_LOOKS, ActionKind.EDIT})
"""Kinds whose path lies in the workspace."""
_VARYING: Final = re.compile(
    r"[0-9](?<!\w[0-9])(?:x[0-9a-fA-F]+|\d?:\d\d:\d\d|[\d.]* ?(?:s|ms|secs?|seconds)\b)"
)
"""What two runs of one command never have in common: addresses, times, durations. It
begins with a digit instead of a boundary, which is looked for three times as fast."""
_SPOKEN: Final = frozenset({"summary", "security_risk"})
"""What the SDK has models write beside a tool's own arguments."""
_PATH: Final = re.compile(r"[\w./-]*\w\.\w{1,5}\b")
_PATHS_KEPT: Final = 4
_PATHS_SCANNED: Final = 400
_STEADY: Final = 4_000
"""Characters of a result up to which what varies is left out of its hash."""


def action_of(call: ToolCall, root: str = "", facts: ToolFacts | None = None) -> Action:
    """The action that a tool call asks for. Never raises on malformed arguments.

    Args:
        call: The call.
        root: The directory that the agent works in, as far as it is known.
        facts: What the tool's definition declares, where the tool is not a known one.
    """
    call, arguments = _meant(call, arguments_of(call.arguments))
    shell = is_shell(call.name)
    command = command_of(arguments) if shell else ""
    words = command or call.arguments
    path = "" if shell else path_of(arguments)
    kind = kind_of(call.name, arguments, root, facts)
    place = entered(command) if shell else directory_of(path) if kind in _USES else ""
    return Action(
        kind=kind,
        tool=call.name,
        call_id=call.id,
        signature=_signature(call, arguments),
        may_answer_one=shell and answers_one(words),
        by_shell=shell,
        call_chars=len(words) - len(path),
        call_cues=call_cues(words),
        paths=(path,) if path else _paths(words),
        place=place,
    )


def _meant(
    call: ToolCall, arguments: Mapping[str, Any]
) -> tuple[ToolCall, Mapping[str, Any]]:
    """The call of the tool that ``call_tool`` was asked to call, or the call itself."""
    tool, inner = arguments.get("tool"), arguments.get("arguments")
    if call.name != "call_tool" or not isinstance(tool, str):
        return call, arguments
    inner = inner if isinstance(inner, dict) else {}
    return ToolCall(id=call.id, name=tool, arguments=json.dumps(inner)), inner


def with_result(action: Action, entry: Entry) -> Action:
    """The action with what came of it."""
    failed, exit_code = result_of(entry, action.kind)
    text = entry.text
    return replace(
        action,
        failed=failed,
        exit_code=exit_code,
        tool_error=entry.is_error or reports_error(text),
        speaks_of_failure=speaks_of_failure(ends_of(text)),
        result=hash(steady(text)),
        result_chars=len(text),
        result_lines=text.count("\n"),
        result_cues=result_cues(text),
    )


def result_of(entry: Entry, kind: ActionKind) -> tuple[bool, int | None]:
    """Whether a tool result is a failure, and the exit code if there is one.

    A command failed if its exit code is not zero, any tool if it reports an error.
    Words such as those of a failing test count too, because pipes such as
    ``pytest | tail`` hide the exit code; but not in what was only read, searched or
    listed, where they are somebody's text.
    """
    ends = ends_of(entry.text)
    code = entry.exit_code if entry.exit_code is not None else exit_code_of(ends)
    slip = code is not None and never_began(code, ends)
    failed = bool(code) and not slip or entry.is_error or reports_error(ends)
    if not failed and kind not in _LOOKS:
        failed = speaks_of_failure(ends)
    return failed, code


def is_hard(actions: tuple[Action, ...], must_be: bool) -> bool:
    """Whether a turn was more than mechanical.

    Mechanical is a turn of mechanical actions alone that neither opens the work on
    a request nor answers a failure (the measure of docs/benchmarks.md).
    """
    return must_be or not actions or any(a.kind not in MECHANICAL for a in actions)


def files_of(actions: tuple[Action, ...]) -> frozenset[str]:
    """Files that they name."""
    return frozenset(path for action in actions for path in action.paths)


def observed_exit_code(observation: object) -> int | None:
    """A terminal's; other tools have none. Read off by name: any tool may have one."""
    code = getattr(observation, "exit_code", None)
    return code if isinstance(code, int) and not isinstance(code, bool) else None


def _signature(call: ToolCall, arguments: Mapping[str, Any]) -> int:
    if _SPOKEN.isdisjoint(arguments):
        return hash((call.name, call.arguments))
    own = {k: v for k, v in arguments.items() if k not in _SPOKEN}
    return hash((call.name, json.dumps(own)))


def steady(text: str) -> str:
    """The text without what differs from run to run; a huge one as it is."""
    return _VARYING.sub("", text) if len(text) <= _STEADY else text


def _paths(words: str) -> tuple[str, ...]:
    found = dict.fromkeys(_PATH.findall(words[:_PATHS_SCANNED]))
    return tuple(found)[:_PATHS_KEPT]
