"""Who calls what, where, and how one place leads to another: from records alone.

Nothing here needs the networkx graph of all definitions, so that it answers for
workspaces of any size; what it reads are the files around the place in question.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from openhands_tiered_router.graph.impact import USAGE
from openhands_tiered_router.graph.model import (
    CERTAIN,
    MACRO,
    Edge,
    EdgeKind,
    path_of,
)
from openhands_tiered_router.graph.networks import definition_network
from openhands_tiered_router.graph.snapshot import CodeGraph


if TYPE_CHECKING:
    import networkx as nx


@dataclass(frozen=True, slots=True)
class Use:
    """One place that uses another."""

    source: str
    target: str
    path: str
    """Of the source's file."""
    line: int
    """Of the first call in the source; of the source itself for other uses."""
    confidence: float


def network_for(graph: CodeGraph, nodes: Collection[str], depth: int) -> "nx.DiGraph":
    """Return a graph in which so many steps back from some nodes can be gone.

    The graph of files for nothing but files; else that of definitions, or in a large
    workspace the part of it within so many steps of the nodes' files: a step between
    definitions is at most one between files, so that the answer is the same.
    """
    if all(node in graph.files for node in nodes):
        return graph.file_graph
    if graph.digraph is not None:
        return graph.digraph
    return _around(graph, {path_of(node) for node in nodes}, depth)


def _around(graph: CodeGraph, paths: Collection[str], depth: int) -> "nx.DiGraph":
    files = graph.file_graph
    reached = {path for path in paths if path in files}
    frontier = set(reached)
    for _ in range(depth):
        frontier = {p for path in frontier for p in files.predecessors(path)} - reached
        reached |= frontier
    records = {path: graph.records.get(path) for path in reached}
    return definition_network({p: r for p, r in records.items() if r is not None})


def callers(graph: CodeGraph, nodes: Collection[str]) -> list[Use]:
    """Return the calls into some nodes from others, the surest first."""
    wanted = set(nodes)
    paths = {path_of(node) for node in wanted} & graph.files.keys()
    near = paths.union(*(graph.file_graph.predecessors(path) for path in paths))
    edges = (edge for path in near for edge in _calls(graph, path))
    return _uses(graph, (e for e in edges if e.target in wanted), wanted)


def callees(graph: CodeGraph, nodes: Collection[str]) -> list[Use]:
    """Return the calls that leave some nodes, the surest first."""
    wanted = set(nodes)
    paths = {path_of(node) for node in wanted}
    edges = (edge for path in paths for edge in _calls(graph, path))
    chosen = (edge for edge in edges if edge.source in wanted)
    return sorted(_used(graph, chosen), key=_order)


def _calls(graph: CodeGraph, path: str) -> Iterator[Edge]:
    return (e for e in graph.edges_from(path) if e.kinds & EdgeKind.CALLS)


def _uses(graph: CodeGraph, edges: Iterator[Edge], own: Collection[str]) -> list[Use]:
    outside = (edge for edge in edges if edge.source not in own)
    return sorted(_used(graph, outside), key=_order)


def _order(use: Use) -> tuple[float, str, int, str]:
    return -use.confidence, use.path, use.line, use.target


def _used(graph: CodeGraph, edges: Iterator[Edge]) -> Iterator[Use]:
    for edge in edges:
        path, line = path_of(edge.source), line_of(graph, edge)
        yield Use(edge.source, edge.target, path, line, edge.confidence)


def line_of(graph: CodeGraph, edge: Edge) -> int:
    """Return the line of the first call that an edge may come from.

    Calls are kept by name: an edge that comes of none by its target's name, such
    as a reference or a call through another name, has its source's first line.
    """
    facts = graph.facts(path_of(edge.source))
    if facts is None:
        return 1
    name = edge.target.rpartition("::")[2].partition("#")[0].rpartition(".")[2]
    for call in facts.calls:
        if (
            call.name.removesuffix(MACRO) == name
            and facts.node_id(call.scope) == edge.source
        ):
            return call.line
    definition = graph.definition(edge.source)
    return definition.start_line if definition else 1


def way(
    graph: CodeGraph,
    sources: Collection[str],
    targets: Collection[str],
    *,
    certainty: float = CERTAIN,
) -> list[Use]:
    """Return a shortest chain of uses from some nodes to others; [] for none.

    A step goes along calls, references and inheritance of at least that
    confidence. Reads the files that it passes: in the worst case all.
    """
    goals = set(targets)
    found: dict[str, Edge | None] = dict.fromkeys(sources)
    frontier = sorted(found)
    while frontier:
        reached: list[str] = []
        for node in frontier:
            if node in goals:
                return list(_used(graph, iter(_back(found, node))))
            for edge in graph.edges_from(path_of(node)):
                known = edge.source != node or edge.target in found
                if known or not edge.kinds & USAGE or edge.confidence < certainty:
                    continue
                found[edge.target] = edge
                reached.append(edge.target)
        frontier = sorted(reached)
    return []


def _back(found: dict[str, Edge | None], node: str) -> list[Edge]:
    edges: list[Edge] = []
    while (edge := found[node]) is not None:
        edges.append(edge)
        node = edge.source
    return edges[::-1]
