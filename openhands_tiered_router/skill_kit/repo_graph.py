"""What the code graph says that a newcomer to a repository should know."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from openhands_tiered_router.graph.impact import blast_radius, reaching_tests
from openhands_tiered_router.graph.measures import measure
from openhands_tiered_router.graph.snapshot import CodeGraph


SHOWN: Final = 8
"""Files in each list: the page is read in every call."""
DEPTH: Final = 3
"""Steps that a change is followed."""
CANDIDATES: Final = 40
"""Files by in-degree whose changes are followed; a change of others reaches less."""
_ENTRIES: Final = frozenset({"__main__.py", "manage.py", "main.go", "main.rs"})


@dataclass(frozen=True, slots=True)
class Ripple:
    """A file, and what a change of it may reach."""

    path: str
    files: int
    """Other files within ``DEPTH`` steps, tests aside."""
    tests: int
    """Tests that reach it in so many steps."""
    nearest: str | None
    """The nearest of them."""


@dataclass(frozen=True, slots=True)
class GraphFacts:
    """One repository's."""

    languages: tuple[tuple[str, int], ...]
    """Files of each language that is parsed, most first."""
    folders: tuple[tuple[str, int, int], ...]
    """Folder, its source files, its test files; the largest first."""
    entries: tuple[str, ...]
    hubs: tuple[tuple[str, int], ...]
    """Files that most others depend on, and by how many."""
    ripples: tuple[Ripple, ...]
    """Files whose change reaches most others."""
    test_folders: tuple[tuple[str, int], ...]
    tests: int


def graph_facts(graph: CodeGraph) -> GraphFacts:
    """Ask the graph; under a second for 1,000 files once it is built."""
    measures = measure(graph)
    parsed = {path: file for path, file in graph.files.items() if file.language}
    tests = [path for path, file in parsed.items() if file.is_test]
    sources = sorted(path for path, file in parsed.items() if not file.is_test)
    ranked = sorted(sources, key=lambda p: (-measures.files[p].in_degree, p))
    ripples = [_ripple(graph, path) for path in ranked[:CANDIDATES]]
    ripples.sort(key=lambda ripple: (-ripple.files, ripple.path))
    return GraphFacts(
        languages=_most(Counter(file.language for file in parsed.values())),
        folders=_folders(sources, tests),
        entries=tuple(p for p in sources if PurePosixPath(p).name in _ENTRIES)[:SHOWN],
        hubs=tuple(
            (path, measures.files[path].in_degree)
            for path in ranked[:SHOWN]
            if measures.files[path].in_degree > 1
        ),
        ripples=tuple(ripple for ripple in ripples[:SHOWN] if ripple.files > 1),
        test_folders=_most(Counter(_folder(path, 2) for path in tests)),
        tests=len(tests),
    )


def _ripple(graph: CodeGraph, path: str) -> Ripple:
    network = graph.file_graph
    radius = blast_radius(network, [path], depth=DEPTH)
    others = [d for d in radius.dependents if not graph.files[d.node].is_test]
    found = reaching_tests(network, [path], depth=DEPTH)
    return Ripple(path, len(others), len(found), found[0].node if found else None)


def _folders(sources: list[str], tests: list[str]) -> tuple[tuple[str, int, int], ...]:
    """By the top folder; by what is in it where that holds more than half of all."""
    tops = Counter(_folder(path, 1) for path in (*sources, *tests))
    wide = {folder for folder, files in tops.items() if 2 * files > tops.total()}

    def count(paths: list[str]) -> Counter[str]:
        return Counter(_folder(p, 2 if _folder(p, 1) in wide else 1) for p in paths)

    code, checks = count(sources), count(tests)
    found = sorted({*code, *checks}, key=lambda f: (-code[f] - checks[f], f))
    return tuple((folder, code[folder], checks[folder]) for folder in found[:SHOWN])


def _folder(path: str, depth: int) -> str:
    parts = PurePosixPath(path).parts[:-1][:depth]
    return "/".join(parts) + "/" if parts else "./"


def _most(counts: Counter[str]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(counts.items(), key=lambda row: (-row[1], row[0]))[:SHOWN])
