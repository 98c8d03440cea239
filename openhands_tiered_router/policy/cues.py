"""Cheap marks in words, commands and results, one bit each.

A mark decides nothing by itself: it is one input of the next-turn model, which was
fitted on them. Only the bits are kept, never the text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final


_SCANNED: Final = 600
"""Characters looked at: the end of what was said, the start of a command, and both
ends of a result. What announces the next step is there."""

TEXT_CUES: Final[Mapping[str, tuple[str, ...]]] = {
    "look": ("look", "examine", "explore", "inspect"),
    "check": ("check",),
    "find": ("find", "search", "locate"),
    "fix": ("fix",),
    "implement": ("implement",),
    "create": ("create", "write"),
    "test": ("test",),
    "verify": ("verify", "confirm", "ensure", "make sure"),
    "run": ("run ", "run:"),
    "final": ("final", "summary", "complete"),
    "issue": ("issue", "problem", "bug"),
    "let_me": ("let me",),
    "reproduce": ("reproduc",),
    "change": ("change", "modify", "update", "edit", "replace", "apply"),
    "script": ("script",),
}
CALL_CUES: Final[Mapping[str, tuple[str, ...]]] = {
    "head": ("| head",),
    "test": ("test",),
    "range": ("sed -n", "view_range", "offset", "line_range"),
    "diff": ("git diff",),
    "python": (".py",),
    "reproduce": ("repro",),
    "thorough": ("edge", "compreh", "verify", "final"),
    "import": ("import ",),
}
RESULT_CUES: Final[Mapping[str, tuple[str, ...]]] = {
    "error": ("error",),
    "ok": ("ok\n", "✓", "✅", "success"),
    "pass": ("pass",),
    "fail": ("fail", "✗", "❌"),
    "missing": ("no such file", "not found", "cannot"),
    "definition": ("def ",),
    "import": ("import ",),
    "test": ("test",),
    "true": ("true",),
    "expected": ("expected",),
}


def text_cues(text: str) -> int:
    """Bits of ``TEXT_CUES``, in their order, in the end of what a model said."""
    return _bits(text[-_SCANNED:].lower(), TEXT_CUES)


def call_cues(text: str) -> int:
    """Bits of ``CALL_CUES`` in the start of a tool call's own words."""
    return _bits(text[:_SCANNED].lower(), CALL_CUES)


def result_cues(text: str) -> int:
    """Bits of ``RESULT_CUES`` in both ends of a result."""
    end = 2 * _SCANNED
    ends = text if len(text) <= 2 * end else text[:end] + text[-end:]
    return _bits(ends.lower(), RESULT_CUES)


def _bits(text: str, cues: Mapping[str, tuple[str, ...]]) -> int:
    bits = 0
    for i, words in enumerate(cues.values()):
        for word in words:
            if word in text:
                bits |= 1 << i
                break
    return bits
