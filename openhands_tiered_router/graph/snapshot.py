"""An immutable view of a workspace's code graph.

The writer publishes a new `CodeGraph` after each change and never touches an
old one, so readers need no lock and never wait. Successive snapshots share
everything that did not change: a new one costs a copy of three dictionaries of
pointers, not of the graph.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from openhands_tiered_router.graph.model import (
    Definition,
    Edge,
    FileEdge,
    FileFacts,
    FileNode,
    FileRecord,
    contains_edges,
    file_edges,
    file_node,
    path_of,
)
from openhands_tiered_router.graph.networks import definition_network, file_network


if TYPE_CHECKING:
    import networkx as nx


LARGE: Final = 5_000
"""Files above which definitions stay on disk.

A networkx graph takes about 370 bytes a node or edge (measured on a prototype),
and large workspaces have a hundred of those a file.
"""


@dataclass(frozen=True, slots=True)
class Change:
    """What one step from a version to the next touched."""

    version: int
    """Version that the step led to."""
    paths: frozenset[str]
    """Files added, removed, edited, or linked anew because of another."""


@dataclass(frozen=True)
class CodeGraph:
    """Files, definitions and the edges between them, as of one version.

    Attributes:
        root: The workspace directory.
        version: Grows by one with each published change; 0 is the empty graph.
        complete: False while the first build has not ended; questions are then
            answered from what is there, which is nothing.
        files: Path to summary, for every file, parsed or not.
        links: Path to the edges from this file into others.
        records: Path to facts and definition-level edges. For a workspace of
            more than `LARGE` files this reads from disk (about 0.2 ms a file)
            and may be newer than the snapshot.
        skipped: How many files were left out, by reason.
        missing_grammars: Languages present whose grammar is not installed.
        pending: Files that depend on a recent change and are not yet linked
            anew; their edges may be those of a moment ago. Usually 0.
        changes: The latest changes, newest first.
    """

    root: Path
    version: int = 0
    complete: bool = False
    files: Mapping[str, FileNode] = field(default_factory=dict)
    links: Mapping[str, tuple[FileEdge, ...]] = field(default_factory=dict)
    records: Mapping[str, FileRecord] = field(default_factory=dict)
    skipped: Mapping[str, int] = field(default_factory=dict)
    missing_grammars: frozenset[str] = frozenset()
    pending: int = 0
    changes: tuple[Change, ...] = ()

    @classmethod
    def of(cls, root: Path, records: Mapping[str, FileRecord]) -> "CodeGraph":
        """Make a complete graph of `records`, keyed by path (for tests)."""
        return cls(
            root=root,
            version=1,
            complete=True,
            files={path: file_node(r.facts) for path, r in records.items()},
            links={path: file_edges(path, r.edges) for path, r in records.items()},
            records=dict(records),
        )

    @property
    def has_definitions(self) -> bool:
        """Whether `digraph` is available: at most `LARGE` files."""
        return len(self.files) <= LARGE

    @cached_property
    def file_graph(self) -> "nx.DiGraph":
        """Files and the edges between them; treat it as read-only.

        Attributes of nodes are the fields of `FileNode`, those of edges the fields
        of `FileEdge`. Made at first use: 0.1 s at 31,000 files.
        """
        return file_network(self.files, self.links)

    @cached_property
    def digraph(self) -> "nx.DiGraph | None":
        """Files and definitions with all their edges; treat it as read-only.

        None for a workspace of more than `LARGE` files. Node attributes:
        ``kind`` (`NodeKind`), ``path``, ``name``, ``line``, ``end_line``,
        ``language``, ``constraint``, ``complexity``, ``is_test``; edge attributes:
        ``kinds``, ``confidence``.
        """
        if not self.has_definitions:
            return None
        records = {path: self.records[path] for path in self.files}
        return definition_network(records)

    def facts(self, path: str) -> FileFacts | None:
        """Return what was read of a file, or None for an unknown one."""
        record = self.records.get(path)
        return record.facts if record else None

    def definition(self, node: str) -> Definition | None:
        """Return the definition with this id, or None."""
        facts = self.facts(path_of(node))
        qualname = node.partition("::")[2]
        if facts is None or not qualname:
            return None
        return next((d for d in facts.definitions if d.qualname == qualname), None)

    def edges_from(self, path: str) -> tuple[Edge, ...]:
        """Return the edges that leave the nodes of a file, containment too."""
        record = self.records.get(path)
        if record is None:
            return ()
        return (*contains_edges(record.facts), *record.edges)

    def changed_since(self, version: int) -> frozenset[str] | None:
        """Return the paths touched after `version`; None if too long ago.

        An empty set means that nothing changed. None means that the caller
        must look at everything again.
        """
        if version >= self.version:
            return frozenset()
        steps = [change for change in self.changes if change.version > version]
        if len(steps) < self.version - version:
            return None
        return frozenset().union(*(step.paths for step in steps))
