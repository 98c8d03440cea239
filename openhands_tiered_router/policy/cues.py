"""Cheap marks in words, commands and results, one bit each.

A mark decides nothing by itself: it is one input of the next-turn model, which was
fitted on them. Only the bits are kept, never the text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final


_SCANNED: Final = 600
"""Characters looked at: the end of what was said, the start of a command, and both
ends of a result. What announces the next step stands there."""

TEXT_CUES: Final[Mapping[str, tuple[str, ...]]] = {
    "look": ("look", "examine", "explore", "inspect"),
    "check": ("check",),
    "see": ("see ", "see:"),
    "understand": ("understand",),
    "find": ("find", "search", "locate"),
    "fix": ("fix",),
    "implement": ("implement",),
    "create": ("create", "write"),
    "test": ("test",),
    "verify": ("verify", "confirm", "ensure", "make sure"),
    "run": ("run ", "run:"),
    "edge": ("edge case",),
    "all": ("all ",),
    "final": ("final", "summary", "complete"),
    "issue": ("issue", "problem", "bug"),
    "now": ("now ",),
    "let_me": ("let me",),
    "wait": ("wait", "hmm", "actually", "however", "but "),
    "good": ("good", "great", "perfect", "excellent", "works", "pass"),
    "reproduce": ("reproduc",),
    "change": ("change", "modify", "update", "edit", "replace", "apply"),
    "submit": ("submit", "done"),
    "more": ("more", "also", "another"),
    "script": ("script",),
    "clean": ("clean", "remove", "delete"),
    "existing": ("existing",),
}
CALL_CUES: Final[Mapping[str, tuple[str, ...]]] = {
    "head": ("| head",),
    "tail": ("| tail",),
    "test": ("test",),
    "scratch": ("/tmp/",),
    "range": ("sed -n", "view_range"),
    "numbered": ("grep -n", "grep -rn", "nl -"),
    "pip": ("pip",),
    "log": ("git log",),
    "diff": ("git diff",),
    "stash": ("stash",),
    "directory": ("cd ",),
    "chain": ("&&",),
    "echo": ("echo",),
    "python": (".py",),
    "document": (".md", ".rst", ".txt", ".cfg", ".toml"),
    "reproduce": ("repro",),
    "either": ("||",),
    "find": ("find ",),
    "thorough": ("edge", "compreh", "verify", "final"),
    "import": ("import ",),
}
RESULT_CUES: Final[Mapping[str, tuple[str, ...]]] = {
    "traceback": ("traceback",),
    "error": ("error",),
    "assert": ("assert",),
    "pass": ("pass",),
    "ok": ("ok\n", "✓", "✅", "success"),
    "fail": ("fail", "✗", "❌"),
    "missing": ("no such file", "not found", "cannot"),
    "module": ("modulenotfound", "importerror"),
    "definition": ("def ",),
    "class": ("class ",),
    "import": ("import ",),
    "test": ("test",),
    "warning": ("warning",),
    "diff": ("diff --git", "@@"),
    "cut": ("elided", "too long", "truncated"),
    "true": ("true",),
    "false": ("false",),
    "expected": ("expected",),
    "none": ("none",),
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
