"""The user's own words of a message, read once for all dimensions."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from openhands_tiered_router.policy.difficulty.languages import (
    is_unspaced,
    unspaced_count,
)


_SCANNED: Final = 24_000
"""Characters kept from the start of a message, and half as many from its end, so that
a megabyte costs no more than a long issue."""

_PAYLOADS: Final = (
    "pr_description",
    "issue_description",
    "problem_statement",
    "user_query",
    "user_request",
)
"""Tags in which harnesses put the user's words; everything around them is theirs."""

_INJECTED: Final = (
    "system-reminder",
    "system_reminder",
    "environment_context",
    "environment_details",
    "environment_information",
    "runtime_information",
    "repo_context",
    "repository_info",
    "runtime_instructions",
    "user_instructions",
    "extra_info",
    "extended_context",
    "current_datetime",
    "available_skills",
    "uploaded_files",
    "microagent",
    "tools",
    "functions",
    "function_results",
    "tool_call",
    "tool_response",
    "example_response",
    "command-message",
    "command-name",
    "local-command-stdout",
)
"""Tags whose content a harness put into the user's message."""

_OPENING_TAG: Final = re.compile(
    rf"<({'|'.join((*_PAYLOADS, *_INJECTED))})(?:\s[^<>]{{0,200}})?>", re.IGNORECASE
)
_LEAD_IN: Final = re.compile(
    r"\A\s*Consider the following (?:PR|issue|bug)[^\n]{0,40}:?\s*\n"
)
_MARKER: Final = re.compile(r"\[tier:\s*\w{1,9}\s*\]", re.IGNORECASE)
_FENCE: Final = re.compile(r"^ {0,3}(```|~~~)[^\n]*\n.*?(?:^ {0,3}\1|\Z)", re.M | re.S)
_CODE_LINE: Final = re.compile(
    r"^(?:(?:    |\t)\s*\S|>>> |\.\.\. |Traceback \(most|  File \"|[+-]{3} [ab]/|@@ -"
    r"|[$#%] \w)[^\n]*\n?",
    re.M,
)
_CAUSE: Final = re.compile(
    r"\b(?:because|due to|caused by|since|the (?:problem|issue|cause|reason) is|weil"
    r"|aufgrund|verursacht|parce que|à cause de|puisque|porque|debido a|a causa de"
    r"|perché|потому что|из-за)\b|因为|因為|由于|由於|ため|なぜなら|때문",
    re.IGNORECASE,
)
"""How a report says why something happens."""
_CAUSE_SCANNED: Final = 6_000
"""Characters in which that is looked for: nineteen of twenty reports are shorter."""
_SHORT: Final = 100
_LONG: Final = 240
"""Characters between which a request about code turns from a prompt into a report:
nine of ten public issues are longer than 359."""
_CODE_MARKS: Final = 2
"""Names, paths or calls that make a text one about code."""
_MARKS_SCANNED: Final = 2_000
_NAME_IN_CODE: Final = re.compile(r"[a-z][A-Z(]")
_HEAD: Final = 210
_TAIL: Final = 90
"""The request proper is at the start of a long message, or at its end."""
_DENSE: Final = 3
"""A character of a script without spaces says as much as three Latin letters."""


@dataclass(frozen=True)
class UserText:
    """A message without what the harness put into it.

    Attributes:
        text: The user's words, code included; bounded in length.
        chars: Length of the user's words before the bound.
    """

    text: str
    chars: int

    @cached_property
    def prose(self) -> str:
        """The words without code blocks, prompts, tracebacks and diffs."""
        text = self.text
        if "```" in text or "~~~" in text:
            text = _FENCE.sub("\n", text)
        return _CODE_LINE.sub("", text)

    @cached_property
    def code_share(self) -> float:
        """Share of the characters that is code, in [0, 1]."""
        return 1.0 - len(self.prose) / len(self.text) if self.text else 0.0

    @cached_property
    def report_length(self) -> float:
        """How far it is as long as a report about code, in [0, 1]."""
        return min(max((self.chars - _SHORT) / (_LONG - _SHORT), 0.0), 1.0)

    @cached_property
    def code_marks(self) -> float:
        """How far it holds names, calls or quoted code, in [0, 1]."""
        start = self.text[:_MARKS_SCANNED]
        marks = start.count("`") // 2 + start.count("_")
        marks += len(_NAME_IN_CODE.findall(start))
        return min(marks / _CODE_MARKS, 1.0)

    @cached_property
    def states_cause(self) -> bool:
        """Whether it says why something happens."""
        return _CAUSE.search(self.prose[:_CAUSE_SCANNED]) is not None

    @cached_property
    def size(self) -> int:
        """Length in characters, those of scripts without spaces weighted."""
        return self.chars + (_DENSE - 1) * unspaced_count(self.opening)

    @cached_property
    def opening(self) -> str:
        """First and last words of the prose, case-folded: where the request is."""
        prose = self.prose.strip() or self.text.strip()
        if len(prose) > _HEAD + _TAIL:
            prose = f"{prose[:_HEAD]}\n{prose[-_TAIL:]}"
        if is_unspaced(prose) and len(prose) > (_HEAD + _TAIL) // _DENSE:
            prose = f"{prose[: _HEAD // _DENSE]}\n{prose[-_TAIL // _DENSE :]}"
        return unicodedata.normalize("NFC", prose).casefold()


def user_text(message: str) -> UserText:
    """Reads a user message; work is bounded however long it is. Never raises."""
    text = message
    if len(text) > _SCANNED * 3 // 2:
        text = f"{text[:_SCANNED]}\n{text[-_SCANNED // 2 :]}"
    left_out = len(message) - len(text)
    text = _without_harness(text)
    text = _MARKER.sub("", _without_comments(text)).strip()
    return UserText(text=text, chars=len(text) + left_out)


def _without_harness(text: str) -> str:
    """Keeps the contents of payload tags, else drops those of injected ones."""
    if "<" not in text:
        return text
    payloads: list[str] = []
    rest: list[str] = []
    unclosed: set[str] = set()
    end = 0
    for tag in _OPENING_TAG.finditer(text):
        if tag.start() < end or tag[1] in unclosed:
            continue
        closing = _closing(text, tag[1], tag.end())
        if closing is None:
            unclosed.add(tag[1])
            continue
        rest.append(text[end : tag.start()])
        if tag[1].lower() in _PAYLOADS:
            payloads.append(text[tag.end() : closing[0]])
        end = closing[1]
    if payloads:
        return _LEAD_IN.sub("", "\n".join(payloads))
    return "\n".join((*rest, text[end:])) if end else text


def _without_comments(text: str) -> str:
    """Drops HTML comments: the hints of issue templates."""
    kept: list[str] = []
    end = 0
    while (start := text.find("<!--", end)) >= 0:
        close = text.find("-->", start)
        if close < 0:
            break
        kept.append(text[end:start])
        end = close + 3
    return "".join((*kept, text[end:]))


def _closing(text: str, name: str, start: int) -> tuple[int, int] | None:
    """Where a tag's content ends, and where its closing tag does."""
    close = f"</{name}>"
    at = text.find(close, start)
    if at < 0:
        at = text.find(close.lower(), start)
    return None if at < 0 else (at, at + len(close))
