"""What each file's place in the graph says: hubs, depth, cycles, cut points.

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
them where betweenness lists glue and PageRank base models.
"""

HUB_MINIMUM: Final = 10
"""Files that must depend on a hub: in a small project nothing is a hub."""

DAMPING: Final = 0.85
"""PageRank's usual chance to follow an edge (Page et al., 1999)."""


@dataclass(frozen=True, slots=True)
class FileMeasures:
    """The position of one file."""

    in_degree: int
    """Files, tests aside, that depend on it directly."""
    pagerank: float
    """Its share of the random surfer's visits; all files' shares add up to 1."""
    depth: int
    """Longest chain of dependencies below it; files of a cycle count as one."""
    cycle: int
    """Files in its import cycle, itself included: 1 is no cycle."""
    community: int
    """Index into `Measures.communities`."""
    is_hub: bool
    is_articulation: bool
    """Whether some files hang together only through it, tests aside."""


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
    ranks = pageranks(network)
    depths, cycles = depths_and_cycles(network)
    top = hubs(network, incoming, ranks)
    is_hub = frozenset(top)
    cuts = articulation_files(network)
    files = {
        path: FileMeasures(
            in_degree=incoming[path],
            pagerank=ranks[path],
            depth=depths[path],
            cycle=cycles[path],
            community=group_of[path],
            is_hub=path in is_hub,
            is_articulation=path in cuts,
        )
        for path in network
    }
    return Measures(graph.version, files, groups, top)


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


def pageranks(graph: "nx.DiGraph", rounds: int = 60) -> dict[str, float]:
    """Return PageRank, each edge counting alike; O(rounds x edges).

    networkx' own needs numpy and scipy, 164 MB for a sum of products.
    """
    paths = list(graph)
    if not paths:
        return {}
    number = {path: i for i, path in enumerate(paths)}
    targets = [[number[target] for target in graph.adj[path]] for path in paths]
    ranks = [1 / len(paths)] * len(paths)
    for _ in range(rounds):
        before, ranks = ranks, _spread(ranks, targets)
        if sum(abs(a - b) for a, b in zip(before, ranks, strict=True)) < 1e-6:
            break
    return dict(zip(paths, ranks, strict=True))


def _spread(ranks: list[float], targets: list[list[int]]) -> list[float]:
    """Do one step of the power iteration; what has no way out goes everywhere."""
    stuck = sum(rank for rank, out in zip(ranks, targets, strict=True) if not out)
    base = (1 - DAMPING + DAMPING * stuck) / len(ranks)
    spread = [base] * len(ranks)
    for rank, out in zip(ranks, targets, strict=True):
        if out:
            share = DAMPING * rank / len(out)
            for target in out:
                spread[target] += share
    return spread


def depths_and_cycles(graph: "nx.DiGraph") -> tuple[dict[str, int], dict[str, int]]:
    """Return each file's dependency depth and the size of its cycle.

    The depth is the longest path below it in the condensation, where each
    strongly connected component (Tarjan, 1972) is one node. O(files + edges).
    """
    import networkx as nx  # as above

    condensed = nx.condensation(graph)
    depth: dict[int, int] = {}
    for component in reversed(list(nx.topological_sort(condensed))):
        below = condensed.adj[component]
        depth[component] = 1 + max((depth[b] for b in below), default=-1)
    depths, cycles = {}, {}
    for component, members in condensed.nodes(data="members"):
        for path in members:
            depths[path] = depth[component]
            cycles[path] = len(members)
    return depths, cycles


def hubs(
    graph: "nx.DiGraph",
    incoming: Mapping[str, int],
    ranks: Mapping[str, float],
) -> tuple[str, ...]:
    """Return the most depended-on files: by in-degree, then by PageRank.

    They are the first `HUB_SHARE` of the files that are no tests, and each has at
    least `HUB_MINIMUM` dependents. O(files log files).
    """
    candidates = [path for path, test in graph.nodes(data="is_test") if not test]
    candidates.sort(key=lambda path: (-incoming[path], -ranks[path], path))
    most = max(1, round(HUB_SHARE * len(candidates)))
    return tuple(p for p in candidates[:most] if incoming[p] >= HUB_MINIMUM)


def articulation_files(graph: "nx.DiGraph") -> frozenset[str]:
    """Return the files whose removal would split the rest; O(files + edges).

    Hopcroft and Tarjan (1973), on the undirected graph without the tests.
    """
    import networkx as nx  # as above

    code = [path for path, test in graph.nodes(data="is_test") if not test]
    undirected = graph.subgraph(code).to_undirected(as_view=True)
    return frozenset(nx.articulation_points(undirected))
