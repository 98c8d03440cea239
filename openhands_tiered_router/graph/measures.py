"""What each file's place in the graph says: hubs, depth, communities.

These are measures of risk and context. They do not say how hard a task is
(docs/graph.md).

All functions take the graph of `dependency_graph`: files, and the edges that the
resolver is sure of, each from a file to one that it depends on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from openhands_tiered_router.graph.communities import Community, communities
from openhands_tiered_router.graph.snapshot import CodeGraph


if TYPE_CHECKING:
    import networkx as nx


HUB_SHARE: Final = 0.01
"""Share of the files, tests aside, that are hubs.

People name about ten "central" files of a 1,000-file project, and in-degree finds
them where betweenness lists glue and PageRank (Page et al., 1999) base models.
"""

HUB_MINIMUM: Final = 10
"""Files that must depend on a hub: in a small project nothing is a hub."""


@dataclass(frozen=True, slots=True)
class FileMeasures:
    """The position of one file."""

    in_degree: int
    """Files, tests aside, that depend on it directly."""
    depth: int
    """Longest chain of dependencies below it; files of a cycle count as one."""
    community: int
    """Index into `Measures.communities`."""


@dataclass(frozen=True, slots=True)
class Measures:
    """All measures of one version of a graph."""

    version: int
    files: Mapping[str, FileMeasures]
    communities: tuple[Community, ...]
    hubs: tuple[str, ...]
    """Most depended-on first."""


def measure(graph: CodeGraph) -> Measures:
    """Compute every measure; .1 s at 1,300 files (tests/benchmarks)."""
    network = dependency_graph(graph)
    groups = communities(network)
    group_of = {path: i for i, group in enumerate(groups) for path in group.files}
    incoming = in_degrees(network)
    depth = depths(network)
    files = {
        path: FileMeasures(incoming[path], depth[path], group_of[path])
        for path in network
    }
    return Measures(graph.version, files, groups, hubs(network, incoming))


def dependency_graph(graph: CodeGraph) -> "nx.DiGraph":
    """Return the files with the edges of enough confidence; O(files + edges)."""
    import networkx as nx  # 0.2 s to import, and not every process asks

    network = nx.DiGraph()
    network.add_nodes_from(
        (path, {"is_test": graph.files[path].is_test}) for path in sorted(graph.files)
    )
    network.add_weighted_edges_from(
        (path, link.target, link.weight)
        for path in sorted(graph.links)
        for link in graph.links[path]
        if link.weight > 0 and link.target in graph.files
    )
    return network


def in_degrees(graph: "nx.DiGraph") -> dict[str, int]:
    """Count the files, tests aside, that depend on each file; O(edges)."""
    is_test = graph.nodes(data="is_test")
    return {
        path: sum(not is_test[source] for source in graph.pred[path]) for path in graph
    }


def depths(graph: "nx.DiGraph") -> dict[str, int]:
    """Return each file's dependency depth.

    That is the longest path below it in the condensation, where each
    strongly connected component (Tarjan, 1972) is one node. O(files + edges).
    """
    import networkx as nx  # as above

    condensed = nx.condensation(graph)
    depth: dict[int, int] = {}
    for component in reversed(list(nx.topological_sort(condensed))):
        below = condensed.adj[component]
        depth[component] = 1 + max((depth[b] for b in below), default=-1)
    return {
        path: depth[component]
        for component, members in condensed.nodes(data="members")
        for path in members
    }


def hubs(graph: "nx.DiGraph", incoming: Mapping[str, int]) -> tuple[str, ...]:
    """Return the most depended-on files, by in-degree, ties by path.

    They are the first `HUB_SHARE` of the files that are no tests, and each has at
    least `HUB_MINIMUM` dependents. O(files log files).
    """
    candidates = [path for path, test in graph.nodes(data="is_test") if not test]
    candidates.sort(key=lambda path: (-incoming[path], path))
    most = max(1, round(HUB_SHARE * len(candidates)))
    return tuple(p for p in candidates[:most] if incoming[p] >= HUB_MINIMUM)
