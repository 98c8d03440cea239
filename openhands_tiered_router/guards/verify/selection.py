"""Which test files to run for a change."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from openhands_tiered_router.guards.verify.git import Changed


if TYPE_CHECKING:
    import networkx as nx

    from openhands_tiered_router.graph.snapshot import CodeGraph


_COMMON: Final = frozenset({"__init__", "index", "main", "mod", "lib"})
_SHARED: Final = frozenset({"conftest.py", "__init__.py"})
"""Stand among tests, but hold none."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Test files, the nearest to the change first."""

    files: tuple[str, ...]
    left_out: int = 0
    """Further ones, beyond the limit."""


def tests_among(paths: Iterable[str]) -> list[str]:
    """Those that are files of tests, by the custom of their language."""
    from openhands_tiered_router.graph.languages import language_of  # as below

    found = ((p, language_of(p)) for p in paths)
    return [p for p, language in found if language and language.test_path.search(p)]


def select(
    tests: Sequence[str],
    changed: Sequence[Changed],
    graph: CodeGraph | None,
    limit: int,
    read: Callable[[str], str] = lambda _: "",
) -> Selection:
    """The tests that a change can reach; without a graph's answer, the nearest ones.

    All of them where there are no more than ``limit``.

    Args:
        tests: All test files of the workspace, see ``tests_among``.
        changed: What differs.
        graph: With the change in it; ``None``: there is none.
        limit: Most files to name.
        read: The text of a test file: what it mentions ranks those that are equally
            near, so that none is left out for its place in the alphabet.
    """
    known = {test for test in tests if PurePosixPath(test).name not in _SHARED}
    own = [c.path for c in changed if c.path in known]
    code = [c for c in changed if c.path not in known]
    reached: list[str] = []
    if graph is not None and graph.complete:
        reached = [p for p in _reached(graph, code) if p in known]
    others = reached or _nearest(sorted(known), [c.path for c in code], read)
    every = sorted(known) if len(known) <= limit else []
    found = list(dict.fromkeys([*own, *others, *every]))
    return Selection(tuple(found[:limit]), max(len(found) - limit, 0))


def _reached(graph: CodeGraph, changed: Iterable[Changed]) -> list[str]:
    """Files of the tests that depend on the changed definitions, nearest first."""
    # networkx takes 0.3 s to import; whoever has a graph has it imported.
    from openhands_tiered_router.graph.changes import touched
    from openhands_tiered_router.graph.impact import reaching_tests
    from openhands_tiered_router.graph.model import path_of

    network: nx.DiGraph = graph.digraph or graph.file_graph
    nodes: list[str] = []
    for change in changed:
        facts = graph.facts(change.path) if graph.has_definitions else None
        inside = touched(facts, change.lines) if facts else []
        nodes += inside or [change.path]
    return list(dict.fromkeys(path_of(t.node) for t in reaching_tests(network, nodes)))


def _nearest(
    tests: Sequence[str], changed: Sequence[str], read: Callable[[str], str]
) -> list[str]:
    """Tests that are named after a changed file; then those with the nearest path, by
    how often they mention a changed file's name."""
    stems = {PurePosixPath(p).stem.lower() for p in changed}
    named = [t for t in tests if any(_named_after(t, s) for s in stems)]
    if not changed:
        return named
    words = [re.compile(rf"\b{re.escape(s)}\b") for s in stems - _COMMON]
    shared = {t: max(_shared(t, p) for p in changed) for t in tests}
    best = max(shared.values(), default=0)
    near = [t for t in tests if shared[t] == best and t not in named]
    texts = {t: read(t).lower() for t in near} if len(near) > 1 else {}
    said = {t: sum(len(w.findall(text)) for w in words) for t, text in texts.items()}
    return [*named, *sorted(near, key=lambda t: -said.get(t, 0))]


def _named_after(test: str, stem: str) -> bool:
    """Whether ``test_cart.py``, ``cart_test.go`` or ``cart.spec.ts`` is cart's."""
    name = PurePosixPath(test).name.lower().split(".")[0]
    return stem in {name, name.removeprefix("test_"), name.removesuffix("_test")}


def _shared(one: str, other: str) -> int:
    """How many leading directories two paths share, test directories left out."""
    kept = [
        [part for part in Path(p).parent.parts if part not in ("tests", "test", "src")]
        for p in (one, other)
    ]
    count = 0
    for left, right in zip(*kept, strict=False):
        if left != right:
            break
        count += 1
    return count
