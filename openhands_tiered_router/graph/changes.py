"""Which definitions a git diff touches."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from openhands_tiered_router.git import DIFF, Found, Git, GitError, Span, hunks, over
from openhands_tiered_router.graph.model import FileFacts
from openhands_tiered_router.graph.snapshot import CodeGraph


TIMEOUT: Final = 60.0
"""Seconds after which git is ended."""

_WHOLE: Final[Span] = (1, 1 << 31)


@dataclass(frozen=True, slots=True)
class Changed:
    """What differs between a commit and the files as they are."""

    nodes: tuple[str, ...]
    """Definitions with a changed line, or the file where that is in none."""
    unknown: tuple[str, ...]
    """Paths that are gone, or that the graph does not hold."""


def changed_nodes(graph: CodeGraph, revision: str = "HEAD") -> Changed:
    """Return the nodes that differ from a commit, files not yet added included.

    Raises:
        GitError: No repository, no such commit, or git failed.
    """
    spans = changed_lines(graph.root, revision)
    nodes: list[str] = []
    for path in sorted(spans.keys() & graph.files.keys()):
        facts = graph.facts(path)
        nodes += touched(facts, spans[path]) if facts else [path]
    return Changed(tuple(nodes), tuple(sorted(spans.keys() - graph.files.keys())))


def touched(facts: FileFacts, spans: Iterable[Span]) -> list[str]:
    """Return the definitions at both ends of each span, and all that begin in it."""
    found: set[int] = set()
    for first, last in spans:
        found |= {_innermost(facts, first), _innermost(facts, min(last, facts.lines))}
        found.update(
            number
            for number, definition in enumerate(facts.definitions)
            if first <= definition.start_line <= last
        )
    return [facts.node_id(number) for number in sorted(found)]


def _innermost(facts: FileFacts, line: int) -> int:
    """Return the number of the last definition around a line, or -1."""
    around = -1
    for number, definition in enumerate(facts.definitions):
        if definition.start_line <= line <= definition.end_line:
            around = number
    return around


def changed_lines(root: Path, revision: str) -> dict[str, list[Span]]:
    """Return the changed lines below a directory, by path relative to it."""
    found = Found.around(root)
    own = Git(found.directory, seconds=TIMEOUT)
    # Reads references under the repository's own settings; it runs nothing.
    named = ("--verify", "-q", "--end-of-options", f"{revision}^{{commit}}")
    commit = own.raw("rev-parse", *named, good=(0, 1)).decode().strip()
    if not commit:
        raise GitError("there is no such commit")
    below = root.resolve().relative_to(found.top).as_posix()
    with over(found.directory, found.top, Git(seconds=TIMEOUT)) as git:
        git("read-tree", commit)
        inside = f":(top,literal){'' if below == '.' else below}"
        diff = git.raw("diff", *DIFF, "-U0", commit, "--", inside)
        words = ("--others", "--exclude-standard", "-z", "--", inside)
        new = git.raw("ls-files", *words).decode("utf-8", "replace").split("\0")
    spans: dict[str, list[Span]] = {path: [_WHOLE] for path in new if path}
    for path, span in hunks(diff):
        spans.setdefault(path, []).append(span)
    prefix = "" if below == "." else f"{below}/"
    return {p.removeprefix(prefix): s for p, s in spans.items() if p.startswith(prefix)}
