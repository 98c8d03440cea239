"""Leaving old results out of a prompt where no cache is left to lose by it.

A prompt is cached as a prefix: whatever changes in its middle is paid for again from
there on. So the past is edited only where the provider has to read it anew anyway.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Final


KEEP: Final = 10
"""Newest results that stay whole; arXiv 2508.21433 masks all but the last ten too."""
RECENT: Final = 15
"""Newest actions: an old result that has a rare name of theirs stays whole. Fewer save
more and lose more; chosen on recorded sessions, see docs/tokens.md."""
RARE: Final = 2
"""Results, at the most, that have a name which tells that one of them is in use."""
LEAST: Final = 300
"""Characters below which a result stays: its notice takes up to 140 itself."""
_SHOWN: Final = 40
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{5,}")


def cold_starts(steps: Iterable[tuple[bool, float]], lifetime: float) -> list[int]:
    """Where requests began whose cache had died: numbers of the steps before them.

    A cache lives from the start of the last request. Its answer came later, so what
    begins more than ``lifetime`` after that answer finds it dead for certain.

    Args:
        steps: The conversation so far, oldest first: whether the model said it, and
            when it came, epoch seconds.
        lifetime: Seconds that prompts stay cached without use, at the most.
    """
    starts: list[int] = []
    answered: float | None = None
    asked, by_model, count = 0.0, True, 0
    for count, (is_answer, at) in enumerate(steps, 1):
        if is_answer and not by_model and _died(answered, asked, lifetime):
            starts.append(count - 1)
        if is_answer:
            answered = at
        asked, by_model = at, is_answer
    if not by_model and _died(answered, asked, lifetime):
        starts.append(count)
    return starts


def _died(answered: float | None, asked: float, lifetime: float) -> bool:
    return answered is not None and asked - answered > lifetime


def idle(results: Sequence[str], actions: Sequence[str]) -> set[int]:
    """Numbers of the old results of which the newest actions have no rare name.

    Args:
        results: Texts, oldest first; the newest ``KEEP`` are never idle.
        actions: What the model did, oldest first.
    """
    old = max(len(results) - KEEP, 0)
    if not old:
        return set()
    names = [set(_NAME.findall(text)) for text in results]
    spread = Counter(chain.from_iterable(names))
    recent = set(_NAME.findall("\n".join(actions[-RECENT:])))
    rare = {name for name in recent if spread[name] <= RARE}
    return {i for i in range(old) if not names[i] & rare}


def notice(text: str) -> str:
    """What replaces a result that is left out; never longer, and its own notice."""
    if len(text) < LEAST:
        return text
    lines = text.strip().split("\n")
    ends = f"{_cut(lines[0])!r} to {_cut(lines[-1])!r}"
    return f"[{len(lines)} lines left out here, {len(text)} characters: {ends}]"


def _cut(line: str) -> str:
    short = " ".join(line.split())
    return short if len(short) <= _SHOWN else short[: _SHOWN - 3] + "..."
