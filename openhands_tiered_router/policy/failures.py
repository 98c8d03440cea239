"""How agents' tools say that they failed, each in its own form."""

from __future__ import annotations

import re
from typing import Final


_SCANNED: Final = 4_000
"""Characters looked at from each end of a result, so that a huge one costs no more."""
_WORDS: Final = re.compile(
    # Each begins with a letter: ``\b`` there makes the search twenty times as slow.
    r"FAILED|failed\b(?<!\b0 failed)(?<!\wfailed)|Traceback \(most recent"
    r"|Error:|error:|AssertionError|FAIL:"
)
_EXIT_CODE: Final = re.compile(
    r"\[(?:The )?[Cc]ommand (?:finished|completed) with exit code (-?\d+)"  # OpenHands
    r"|<returncode>(-?\d+)</returncode>"  # mini-swe-agent
    r"|^(?:Exit [Cc]ode:?|Process exited with code|Command exited with code) (-?\d+)"
    r"|^<exit_code>(-?\d+)</exit_code>"  # Claude Code, of what ran in the background
    r"|\"exit_code\": ?(-?\d+)[,}]",  # Codex CLI, of old as JSON
    re.M,
)
"""The third is Claude Code's, Codex', Gemini CLI's and pi's."""
_ERRORS: Final = (
    "[An error occurred during execution.]",  # OpenHands' SDK
    "ERROR:\n",  # OpenHands V0 and the SDK's betas
    "<tool_use_error>",  # Claude Code
    "Error running bash command",  # TRAE
    "No replacement was performed",  # the editor that many agents share
    "Invalid `",
    "Error executing tool",  # Rovo Dev, Gemini CLI
    "The tool execution failed",  # Cline, Roo Code
    "Your proposed edit has introduced new syntax error",  # SWE-agent
    "Tool execution failed",
)
_LEAD: Final = re.compile(r"\s*(?:OBSERVATION:\s*)?")


def ends_of(text: str) -> str:
    """The text, or both ends of a long one: where tools say how it went."""
    return text if len(text) <= 2 * _SCANNED else text[:_SCANNED] + text[-_SCANNED:]


def exit_code_of(text: str) -> int | None:
    """The exit code that a result tells in its text."""
    if "od" not in text:  # as in "code": most results have none
        return None
    match = _EXIT_CODE.search(text)
    return int(next(filter(None, match.groups()))) if match else None


def never_began(code: int, text: str) -> bool:
    """Whether a command ended before its program did anything, or by the agent's hand.

    Python exits with 2 where its file is not at that path, a shell with 130 after
    Ctrl-C: the step that follows needs a path or nothing, not thought.
    """
    return code == 130 or code == 2 and "can't open file" in text


def reports_error(text: str) -> bool:
    """Whether the tool itself says, at the start of its result, that it failed."""
    lead = _LEAD.match(text)
    return text.startswith(_ERRORS, lead.end() if lead else 0)


def speaks_of_failure(text: str) -> bool:
    """Whether the text has the words of a failure, whoever wrote them."""
    return _WORDS.search(text) is not None
