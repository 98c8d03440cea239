"""From what the code graph answers to what the task score reads."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, Protocol

from openhands_tiered_router.policy.difficulty.dimensions import GraphFacts


BEST: Final = 10
"""Files whose names are looked for in the text, and whose communities count."""
_RANKED: Final = 50
"""Entries that the graph's entropy is over: its maximum is their logarithm."""
_PACKAGE_FILES: Final = frozenset(("__init__", "index", "mod", "__main__"))


class _Hit(Protocol):
    @property
    def node(self) -> str: ...


class _Ambiguity(Protocol):
    @property
    def candidates(self) -> int: ...
    @property
    def fifth_to_first(self) -> float: ...
    @property
    def entropy(self) -> float: ...


class Signals(Protocol):
    """The part of ``graph.signals.TaskSignals`` that is read here."""

    @property
    def files(self) -> Sequence[_Hit]: ...
    @property
    def file_ambiguity(self) -> _Ambiguity: ...
    @property
    def definition_ambiguity(self) -> _Ambiguity: ...
    @property
    def lines(self) -> int: ...
    @property
    def complexity(self) -> int: ...
    @property
    def depth(self) -> int: ...
    @property
    def communities(self) -> int: ...
    @property
    def cohesion(self) -> float: ...
    @property
    def dependents(self) -> int: ...


def graph_facts(signals: Signals, text: str) -> GraphFacts | None:
    """What the score reads of the graph's answer about a text.

    Returns:
        ``None`` if the text matches nothing in the workspace.
    """
    if not signals.files:
        return None
    best = signals.files[:BEST]
    return GraphFacts(
        fifth_to_first=signals.file_ambiguity.fifth_to_first,
        entropy=signals.definition_ambiguity.entropy / math.log2(_RANKED),
        named=any(names_file(text, hit.node) for hit in best),
        candidates=signals.file_ambiguity.candidates,
        lines=signals.lines,
        complexity=signals.complexity,
        depth=signals.depth,
        best=len(best),
        communities=signals.communities,
        cohesion=signals.cohesion,
        dependents=signals.dependents,
    )


def names_file(text: str, path: str) -> bool:
    """Whether a text holds a file's name, or the last two parts of its module."""
    folder, _, name = path.rpartition("/")
    stem = name.rpartition(".")[0] or name
    if stem in _PACKAGE_FILES:
        module = folder
    else:
        if name in text:
            return True
        module = f"{folder}/{stem}"
    parts = [part for part in module.split("/") if part][-2:]
    return len(parts) == 2 and ".".join(parts) in text
