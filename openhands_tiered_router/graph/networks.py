"""networkx graphs made from records, at first use.

They are made anew for each version that is asked for one: networkx has no public way
to share the adjacency of untouched nodes between two graphs.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from msgspec.structs import asdict

from openhands_tiered_router.graph.model import (
    FileEdge,
    FileFacts,
    FileNode,
    FileRecord,
    NodeKind,
    contains_edges,
)


if TYPE_CHECKING:
    import networkx as nx


def file_network(
    files: Mapping[str, FileNode], links: Mapping[str, tuple[FileEdge, ...]]
) -> "nx.DiGraph":
    """Return the graph of files; O(files + edges), 0.1 s at 31,000 files."""
    import networkx as nx  # 0.2 s to import, and not every process asks

    graph = nx.DiGraph()
    graph.add_nodes_from((path, asdict(files[path])) for path in sorted(files))
    graph.add_edges_from(
        (path, edge.target, asdict(edge))
        for path in sorted(links)
        for edge in links[path]
        if edge.target in files
    )
    return graph


def definition_network(records: Mapping[str, FileRecord]) -> "nx.DiGraph":
    """Return the graph of files and definitions; O(nodes + edges)."""
    import networkx as nx  # as above

    graph = nx.DiGraph()
    paths = sorted(records)
    for path in paths:
        graph.add_nodes_from(definition_nodes(records[path].facts))
    for path in paths:
        graph.add_edges_from(
            edge for edge in definition_edges(records[path]) if edge[1] in graph
        )
    return graph


def definition_nodes(facts: FileFacts) -> Iterable[tuple[str, dict[str, Any]]]:
    """Yield a file's node and those of its definitions, with attributes."""
    common = {
        "path": facts.path,
        "language": facts.language,
        "constraint": facts.constraint,
    }
    yield (
        facts.path,
        common
        | {
            "kind": NodeKind.FILE,
            "name": facts.path.rpartition("/")[2],
            "line": 1,
            "end_line": facts.lines,
            "complexity": facts.complexity,
            "is_test": facts.is_test,
        },
    )
    for index, definition in enumerate(facts.definitions):
        yield (
            facts.node_id(index),
            common
            | {
                "kind": definition.kind,
                "name": definition.name,
                "line": definition.start_line,
                "end_line": definition.end_line,
                "complexity": definition.complexity,
                "is_test": definition.is_test,
            },
        )


def definition_edges(
    record: FileRecord,
) -> Iterable[tuple[str, str, dict[str, Any]]]:
    """Yield the edges that leave a file's nodes, one for each pair of nodes."""
    merged: dict[tuple[str, str], dict[str, Any]] = {}
    for edge in (*contains_edges(record.facts), *record.edges):
        known = merged.get((edge.source, edge.target))
        if known is None:
            merged[edge.source, edge.target] = {
                "kinds": int(edge.kinds),
                "confidence": edge.confidence,
            }
        else:
            known["kinds"] |= edge.kinds
            known["confidence"] = max(known["confidence"], edge.confidence)
    for (source, target), attributes in merged.items():
        yield source, target, attributes
