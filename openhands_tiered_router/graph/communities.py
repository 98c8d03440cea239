"""Groups of files that depend on each other more than on the rest."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final


if TYPE_CHECKING:
    import networkx as nx


SEED: Final = 20
"""Fixed, so that two builds of one tree name the same communities."""


@dataclass(frozen=True, slots=True)
class Community:
    """One group of files."""

    name: str
    """The directory that most of its files, tests aside, are in; ``#2`` if taken."""
    files: tuple[str, ...]
    """Sorted paths."""
    cohesion: float
    """In [0, 1]: edge weight inside it over all edge weight that touches it.

    One minus its conductance-like leak; unlike edges per possible pair it does
    not fall with the group's size.
    """


def communities(graph: "nx.DiGraph") -> tuple[Community, ...]:
    """Split a file graph by Louvain's method, largest community first.

    Blondel et al., Fast unfolding of communities in large networks (2008), in
    networkx' implementation, on the undirected graph whose edge weights are the
    sums of both directions. About O(edges log files).

    Args:
        graph: Files with ``is_test``, edges with ``weight``; those of 0 are ignored.
    """
    from networkx.algorithms.community import louvain_communities  # 0.2 s import

    undirected, paths = _undirected(graph)
    groups = louvain_communities(undirected, weight="weight", seed=SEED)
    members = sorted(
        (tuple(sorted(paths[i] for i in group)) for group in groups),
        key=lambda group: (-len(group), group),
    )
    names = _names(members, dict(graph.nodes(data="is_test")))
    cohesions = _cohesions(graph, members)
    return tuple(map(Community, names, members, cohesions))


def _undirected(graph: "nx.DiGraph") -> "tuple[nx.Graph, list[str]]":
    """Number the files, so that no result hangs on how strings are hashed."""
    import networkx as nx  # as above

    paths = sorted(graph)
    number = {path: i for i, path in enumerate(paths)}
    weights: dict[tuple[int, int], float] = defaultdict(float)
    for source, target, weight in graph.edges(data="weight"):
        a, b = number[source], number[target]
        if weight > 0 and a != b:
            weights[min(a, b), max(a, b)] += weight
    undirected = nx.Graph()
    undirected.add_nodes_from(range(len(paths)))
    undirected.add_weighted_edges_from(
        (a, b, w) for (a, b), w in sorted(weights.items())
    )
    return undirected, paths


def _names(groups: Iterable[tuple[str, ...]], is_test: Mapping[str, bool]) -> list[str]:
    taken: Counter[str] = Counter()
    names = []
    for group in groups:
        code = [path for path in group if not is_test[path]] or group
        folders = Counter(path.rpartition("/")[0] or "." for path in code)
        name = min(folders, key=lambda folder: (-folders[folder], folder))
        name = code[0] if len(group) == 1 else name
        taken[name] += 1
        names.append(name if taken[name] == 1 else f"{name} #{taken[name]}")
    return names


def _cohesions(graph: "nx.DiGraph", groups: Collection[tuple[str, ...]]) -> list[float]:
    """Return each group's inner share of the edge weight that touches it."""
    group_of = {path: i for i, group in enumerate(groups) for path in group}
    inner = [0.0] * len(groups)
    touching = [0.0] * len(groups)
    for source, target, weight in graph.edges(data="weight"):
        a, b = group_of[source], group_of[target]
        touching[a] += weight
        if a == b:
            inner[a] += weight
        else:
            touching[b] += weight
    return [i / t if t else 1.0 for i, t in zip(inner, touching, strict=True)]
