"""networkx graphs made from records, and carried from one version to the next.

A carried graph shares the adjacency of every untouched node with its
predecessor, so a one-file change costs three dictionary copies and that file's
own edges. Neither graph may be changed by a reader.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from openhands_tiered_router.graph.model import (
    EdgeKind,
    FileEdge,
    FileFacts,
    FileNode,
    FileRecord,
    NodeKind,
    contains_edges,
)


if TYPE_CHECKING:
    import networkx as nx

type Attributes = dict[str, Any]


def file_network(
    files: Mapping[str, FileNode], links: Mapping[str, tuple[FileEdge, ...]]
) -> "nx.DiGraph":
    """Return the graph of files; O(files + edges), 0.1 s at 31,000 files."""
    import networkx as nx  # 0.2 s to import, and not every process asks

    graph = nx.DiGraph()
    graph.add_nodes_from((path, file_attributes(files[path])) for path in sorted(files))
    graph.add_edges_from(
        (path, edge.target, file_edge_attributes(edge))
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


def file_attributes(node: FileNode) -> dict[str, Any]:
    """Return a file's node attributes in the file graph."""
    return {
        "language": node.language,
        "lines": node.lines,
        "complexity": node.complexity,
        "is_test": node.is_test,
    }


def file_edge_attributes(edge: FileEdge) -> dict[str, Any]:
    """Return an edge's attributes in the file graph."""
    return {
        "kinds": edge.kinds,
        "confidence": edge.confidence,
        "weight": edge.weight,
    }


def definition_nodes(facts: FileFacts) -> Iterable[tuple[str, dict[str, Any]]]:
    """Yield a file's node and those of its definitions, with attributes."""
    yield (
        facts.path,
        {
            "kind": NodeKind.FILE,
            "path": facts.path,
            "name": facts.path.rpartition("/")[2],
            "line": 1,
            "end_line": facts.lines,
            "language": facts.language,
            "complexity": facts.complexity,
            "lines": facts.lines,
            "is_test": facts.is_test,
        },
    )
    for index, definition in enumerate(facts.definitions):
        yield (
            facts.node_id(index),
            {
                "kind": definition.kind,
                "path": facts.path,
                "name": definition.name,
                "line": definition.start_line,
                "end_line": definition.end_line,
                "language": facts.language,
                "complexity": definition.complexity,
                "lines": definition.end_line - definition.start_line + 1,
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


@dataclass(frozen=True, slots=True)
class Base:
    """An earlier version's graph, and the files touched since."""

    graph: "nx.DiGraph"
    touched: frozenset[str]

    @classmethod
    def after(
        cls, base: "Base | None", graph: "nx.DiGraph | None", touched: frozenset[str]
    ) -> "Base | None":
        """Return what the next version starts from, if there is anything."""
        if graph is not None:
            return cls(graph, touched)
        return cls(base.graph, base.touched | touched) if base else None


def carried_files(
    base: Base, files: Mapping[str, FileNode], links: Mapping[str, tuple[FileEdge, ...]]
) -> "nx.DiGraph":
    """Return the file graph made from an earlier one."""
    nodes = {
        path: file_attributes(files[path]) if path in files else None
        for path in base.touched
    }
    edges = {
        path: {
            edge.target: file_edge_attributes(edge)
            for edge in links.get(path, ())
            if edge.target in files
        }
        for path in base.touched
    }
    return exchanged(base.graph, nodes, edges)


def carried_definitions(base: Base, records: Mapping[str, FileRecord]) -> "nx.DiGraph":
    """Return the definition graph made from an earlier one."""
    nodes: dict[str, Attributes | None] = {}
    for path in base.touched:
        nodes.update((node, None) for node in _contained(base.graph, path))
    for path in base.touched & records.keys():
        nodes.update(definition_nodes(records[path].facts))
    edges: dict[str, dict[str, Attributes]] = {node: {} for node in nodes}
    for path in base.touched & records.keys():
        for source, target, attributes in definition_edges(records[path]):
            here = (
                nodes[target] is not None if target in nodes else target in base.graph
            )
            if here:
                edges[source][target] = attributes
    return exchanged(base.graph, nodes, edges)


def _contained(graph: "nx.DiGraph", path: str) -> Iterable[str]:
    """Yield a file's node and those of its definitions."""
    waiting = [path] if path in graph else []
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(
            target
            for target, known in graph.adj[node].items()
            if known["kinds"] & EdgeKind.CONTAINS
        )


def exchanged(
    graph: "nx.DiGraph",
    nodes: Mapping[str, Attributes | None],
    edges: Mapping[str, dict[str, Attributes]],
) -> "nx.DiGraph":
    """Return a graph with other nodes and out-edges, sharing all the rest.

    Args:
        graph: Stays as it is.
        nodes: New attributes of nodes, None for those to be removed.
        edges: All edges that leave the nodes named here.

    Returns:
        A graph that owns its three outer dictionaries and the adjacency of
        what changed. networkx has no such operation, hence the private names.
    """
    inner: Any = graph
    attributes = dict(inner._node)
    outgoing, incoming = _Shared(inner._succ), _Shared(inner._pred)
    for node, known in nodes.items():
        if known is not None:
            attributes[node] = known
            outgoing.table.setdefault(node, {})
            incoming.table.setdefault(node, {})
    for source, targets in edges.items():
        for target in outgoing.table.get(source, ()):
            incoming.own(target).pop(source, None)
        outgoing.table[source] = targets
        for target, known in targets.items():
            incoming.own(target)[source] = known
    for node, known in nodes.items():
        if known is None:
            for source in incoming.table.pop(node, ()):
                outgoing.own(source).pop(node, None)
            outgoing.table.pop(node, None)
            attributes.pop(node, None)
    new: Any = type(graph)()
    new._node, new._adj, new._pred = attributes, outgoing.table, incoming.table
    return new


class _Shared:
    """A copy of an adjacency whose inner dictionaries are copied when written."""

    def __init__(self, table: dict[str, dict[str, Attributes]]) -> None:
        self.table = dict(table)
        self._owned: set[str] = set()

    def own(self, node: str) -> dict[str, Attributes]:
        """Return a node's neighbours, to be changed."""
        if node not in self._owned:
            self._owned.add(node)
            self.table[node] = dict(self.table.get(node, ()))
        return self.table[node]
