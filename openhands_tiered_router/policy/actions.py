"""What an agent did, by kind, read off its tool calls and their results."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from openhands_tiered_router.policy.cues import call_cues, result_cues
from openhands_tiered_router.policy.entry import Entry, ToolCall
from openhands_tiered_router.policy.shell import answers_one, command_kind


class ActionKind(StrEnum):
    """The kind of thing that one tool call does."""

    SEARCH = "search"
    READ = "read"
    LIST = "list"
    GIT = "git"
    INSTALL = "install"
    CLEANUP = "cleanup"
    RUN = "run"
    """Runs a program that is already there."""
    FINISH = "finish"
    SCRIPT = "script"
    """Writes a throw-away file outside the sources."""
    EDIT = "edit"
    TEST = "test"
    SNIPPET = "snippet"
    """Runs code given on the command line."""
    SHELL = "shell"
    """Any other command."""
    THINK = "think"
    PLAN = "plan"
    DELEGATE = "delegate"
    BROWSE = "browse"
    MESSAGE = "message"
    """No tool call: the model spoke to the user."""
    OTHER = "other"


MECHANICAL: Final = frozenset(
    {
        ActionKind.SEARCH,
        ActionKind.READ,
        ActionKind.LIST,
        ActionKind.GIT,
        ActionKind.INSTALL,
        ActionKind.CLEANUP,
        ActionKind.RUN,
        ActionKind.FINISH,
    }
)
"""Kinds that a weak model does as well as a strong one.

55-60 % of the turns of recorded agent sessions, unless they are the first or follow
a failure (docs/benchmarks.md).
"""


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
    call_chars: int = 0
    """Length of the command, or of the arguments of other tools."""
    call_cues: int = 0
    """Bits of ``cues.CALL_CUES``."""
    paths: tuple[str, ...] = ()
    """Files that the call names, as it names them; the first few."""


_TOOLS: Final[Mapping[str, ActionKind]] = {
    "grep": ActionKind.SEARCH,
    "glob": ActionKind.LIST,
    "think": ActionKind.THINK,
    "finish": ActionKind.FINISH,
    "task_tracker": ActionKind.PLAN,
    "task": ActionKind.DELEGATE,
    "delegate": ActionKind.DELEGATE,
    "apply_patch": ActionKind.EDIT,
    "read_file": ActionKind.READ,
    "list_directory": ActionKind.LIST,
    "edit": ActionKind.EDIT,
    "write_file": ActionKind.EDIT,
}
_SHELLS: Final = frozenset({"terminal", "bash", "execute_bash", "shell", "execute"})
_EDITORS: Final = frozenset(
    {"file_editor", "str_replace_editor", "planning_file_editor"}
)
_FAILURE: Final = re.compile(
    # Each begins with a letter: ``\b`` there makes the search twenty times as slow.
    r"FAILED|failed\b(?<!\b0 failed)(?<!\wfailed)|Traceback \(most recent"
    r"|Error:|error:|AssertionError|FAIL:"
)
_EXIT_CODE: Final = re.compile(
    r"\[Command finished with exit code (-?\d+)\]|<returncode>(-?\d+)</returncode>"
)
_TOOL_ERROR: Final = "[An error occurred during execution.]"
_VARYING: Final = re.compile(
    r"\b\d(?:x[0-9a-fA-F]+|\d?:\d\d:\d\d|[\d.]* ?(?:s|ms|secs?|seconds)\b)"
)
"""What two runs of one command never have in common: addresses, times, durations."""
_SPOKEN: Final = frozenset({"summary", "security_risk"})
"""What the SDK has models write beside a tool's own arguments."""
_PATH: Final = re.compile(r"[\w./-]*\w\.\w{1,5}\b")
_PATHS_KEPT: Final = 4
_PATHS_SCANNED: Final = 400
_SCANNED: Final = 4_000
"""Characters looked at from each end of a result, so that a huge one costs no more."""


def action_of(call: ToolCall) -> Action:
    """The action that a tool call asks for. Never raises on malformed arguments."""
    arguments = _arguments(call)
    words = _text(arguments, "command") or call.arguments
    name = call.name.lower()
    if name in _EDITORS:
        words = call.arguments
    return Action(
        kind=_kind(call, arguments),
        tool=call.name,
        call_id=call.id,
        signature=_signature(call, arguments),
        may_answer_one=name in _SHELLS and answers_one(words),
        call_chars=len(words),
        call_cues=call_cues(words),
        paths=_paths(arguments, words),
    )


def with_result(action: Action, entry: Entry) -> Action:
    """The action with what came of it."""
    failed, exit_code = result_of(entry)
    return replace(
        action,
        failed=failed,
        exit_code=exit_code,
        tool_error=entry.text.startswith(_TOOL_ERROR),
        result=hash(steady(entry.text)),
        result_chars=len(entry.text),
        result_lines=entry.text.count("\n"),
        result_cues=result_cues(entry.text),
    )


def _signature(call: ToolCall, arguments: Mapping[str, Any]) -> int:
    if _SPOKEN.isdisjoint(arguments):
        return hash((call.name, call.arguments))
    own = {k: v for k, v in arguments.items() if k not in _SPOKEN}
    return hash((call.name, json.dumps(own)))


def steady(text: str) -> str:
    """The text without what differs from run to run; a huge one as it is."""
    return _VARYING.sub("", text) if len(text) <= _SCANNED else text


def _paths(arguments: Mapping[str, Any], words: str) -> tuple[str, ...]:
    if path := _text(arguments, "path"):
        return (path,)
    found = dict.fromkeys(_PATH.findall(words[:_PATHS_SCANNED]))
    return tuple(found)[:_PATHS_KEPT]


def result_of(entry: Entry) -> tuple[bool, int | None]:
    """Whether a tool result is a failure, and the exit code if there is one.

    A command failed if its exit code is not zero, whatever the tool's own error flag
    says; other tools failed if they report an error. Text that looks like a failing
    test counts too, because pipes such as ``pytest | tail`` hide the exit code.
    """
    text = entry.text
    ends = text if len(text) <= 2 * _SCANNED else text[:_SCANNED] + text[-_SCANNED:]
    code = entry.exit_code
    if code is None and (match := _EXIT_CODE.search(ends)):
        code = int(match[1] or match[2])
    failed = bool(code) or ends.startswith(_TOOL_ERROR)
    return failed or bool(_FAILURE.search(ends)), code


def _kind(call: ToolCall, arguments: Mapping[str, Any]) -> ActionKind:
    name = call.name.lower()
    if name in _TOOLS:
        return _TOOLS[name]
    if name in _SHELLS:
        return ActionKind(command_kind(_text(arguments, "command")))
    if name in _EDITORS:
        return _editor_kind(arguments)
    if name.startswith("browser"):
        return ActionKind.BROWSE
    return ActionKind.OTHER


def _editor_kind(arguments: Mapping[str, Any]) -> ActionKind:
    if _text(arguments, "command") == "view":
        return ActionKind.READ
    path = _text(arguments, "path")
    is_new = _text(arguments, "command") == "create"
    return ActionKind.SCRIPT if is_new and "/tmp/" in path else ActionKind.EDIT


def _arguments(call: ToolCall) -> Mapping[str, Any]:
    try:
        parsed = json.loads(call.arguments)
    except (ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _text(arguments: Mapping[str, Any], name: str) -> str:
    value = arguments.get(name)
    return value if isinstance(value, str) else ""
