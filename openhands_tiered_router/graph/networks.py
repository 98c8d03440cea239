"""networkx graphs made from records, and carried from one version to the next.

A carried graph shares the adjacency of every untouched node with its
predecessor, so a one-file change costs three dictionary copies and that file's
own edges. Neither graph may be changed by a reader.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from .model import FileEdge, FileFacts, FileNode, FileRecord, NodeKind, contains_edges


if TYPE_CHECKING:
    import networkx as nx

    from .snapshot import CodeGraph

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
        graph.add_edges_from(definition_edges(records[path]))
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


def carry_files(old: "CodeGraph", new: "CodeGraph", touched: frozenset[str]) -> None:
    """Give `new` the file graph of `old` with the touched files exchanged.

    Does nothing where `old` has none yet; then `new` makes its own on demand.
    """
    graph = vars(old).get("file_graph")
    if graph is None:
        return
    nodes = {
        path: file_attributes(new.files[path]) if path in new.files else None
        for path in touched
    }
    edges = {
        path: {e.target: file_edge_attributes(e) for e in new.links.get(path, ())}
        for path in touched
    }
    vars(new)["file_graph"] = exchanged(graph, nodes, edges)


def carry_definitions(
    old: "CodeGraph", new: "CodeGraph", touched: frozenset[str]
) -> None:
    """Give `new` the definition graph of `old`, as `carry_files` does."""
    graph = vars(old).get("digraph")
    if graph is None:
        return
    nodes: dict[str, Attributes | None] = {}
    edges: dict[str, dict[str, Attributes]] = {}
    for path in touched:
        before, after = old.records.get(path), new.records.get(path)
        if before is not None:
            nodes.update((node, None) for node, _ in definition_nodes(before.facts))
        if after is not None:
            nodes.update(definition_nodes(after.facts))
    edges = {node: {} for node in nodes}
    for path in touched:
        after = new.records.get(path)
        for source, target, attributes in definition_edges(after) if after else ():
            edges[source][target] = attributes
    vars(new)["digraph"] = exchanged(graph, nodes, edges)


def exchanged(
    graph: "nx.DiGraph",
    nodes: Mapping[str, Attributes | None],
    edges: Mapping[str, dict[str, Attributes]],
) -> "nx.DiGraph":
    """Return a graph with other nodes and out-edges, sharing all the rest.

    Args:
        graph: Stays as it is.
        nodes: New attributes of nodes, None for those to be removed; nothing
            but `edges` may lead to a removed node.
        edges: All edges that leave the nodes named here.

    Returns:
        A graph that owns its three outer dictionaries and the adjacency of
        what changed. networkx has no such operation, hence the private names.
    """
    new = type(graph)()
    attributes, successors, predecessors = (
        dict(graph._node),
        dict(graph._succ),
        dict(graph._pred),
    )
    owned: set[str] = set()

    def incoming(node: str) -> dict[str, Attributes]:
        if node not in owned:
            owned.add(node)
            predecessors[node] = dict(predecessors.get(node, ()))
        return predecessors[node]

    for node, known in nodes.items():
        if known is not None:
            attributes[node] = known
            successors.setdefault(node, {})
            incoming(node)
    for source, targets in edges.items():
        for target in successors.get(source, ()):
            incoming(target).pop(source, None)
        successors[source] = targets
        for target, known in targets.items():
            incoming(target)[source] = known
    for node, known in nodes.items():
        if known is None:
            for table in (attributes, successors, predecessors):
                table.pop(node, None)
    new._node, new._adj, new._pred = attributes, successors, predecessors
    return new
