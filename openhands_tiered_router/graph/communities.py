"""Groups of files that depend on each other more than on the rest."""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final


if TYPE_CHECKING:
    import networkx as nx


GAIN: Final = 1e-7
"""Least gain of modularity for which one more level is tried, as in networkx."""
SWEEPS: Final = 100
"""Sweeps over the nodes of a level; they end long before."""

_PACKAGES: Final = frozenset({"__init__", "index", "mod", "lib"})
"""Stems that say nothing of a file but that it stands for its directory."""

type Weights = list[dict[int, float]]
"""By node, the weight of its edges to each other node, both ways."""


@dataclass(frozen=True, slots=True)
class Community:
    """One group of files."""

    name: str
    """The directory that most of its files, tests aside, are in; if that is taken,
    with the file in it that most others depend on: ``app: models``."""
    files: tuple[str, ...]
    """Sorted paths."""
    cohesion: float
    """In [0, 1]: edge weight inside it over all edge weight that touches it.

    One minus its conductance-like leak; unlike edges per possible pair it does
    not fall with the group's size.
    """


def communities(graph: "nx.DiGraph") -> tuple[Community, ...]:
    """Split a file graph by Louvain's method, largest community first.

    Blondel et al., Fast unfolding of communities in large networks (2008), on the
    undirected graph whose edge weights are the sums of both directions. Nodes are
    visited by path, so that the same graph gives the same communities. About
    O(edges log files); half of networkx' time, which keeps a dictionary an edge.

    Args:
        graph: Files with ``is_test``, edges with ``weight``; those of 0 are ignored.
    """
    paths = sorted(graph)
    groups = louvain(_undirected(graph, paths))
    members = sorted(
        (tuple(sorted(paths[i] for i in group)) for group in groups),
        key=lambda group: (-len(group), group),
    )
    names = _names(members, graph)
    cohesions = _cohesions(graph, members)
    return tuple(map(Community, names, members, cohesions))


def _undirected(graph: "nx.DiGraph", paths: list[str]) -> Weights:
    number = {path: i for i, path in enumerate(paths)}
    weights: Weights = [{} for _ in paths]
    # sorted, as ties are broken by what comes first
    for source, target, weight in sorted(graph.edges(data="weight")):
        a, b = number[source], number[target]
        if weight > 0 and a != b:
            weights[a][b] = weights[a].get(b, 0.0) + weight
            weights[b][a] = weights[b].get(a, 0.0) + weight
    return weights


def louvain(weights: Weights) -> list[list[int]]:
    """Return groups of nodes of high modularity."""
    groups = [[node] for node in range(len(weights))]
    loops = [0.0] * len(weights)
    total = sum(sum(edges.values()) for edges in weights)
    if not total:
        return groups
    while True:
        found, gain = _moved(weights, loops, total)
        if gain <= GAIN:
            return groups
        number = {c: n for n, c in enumerate(sorted(set(found)))}
        merged: list[list[int]] = [[] for _ in number]
        between: Weights = [{} for _ in number]
        inside = [0.0] * len(number)
        for node, community in enumerate(found):
            home = number[community]
            merged[home] += groups[node]
            inside[home] += loops[node]
            for other, weight in weights[node].items():
                away = number[found[other]]
                if away == home:
                    inside[home] += weight
                else:
                    between[home][away] = between[home].get(away, 0.0) + weight
        groups, weights, loops = merged, between, inside


def _moved(
    weights: Weights, loops: list[float], total: float
) -> tuple[list[int], float]:
    """Move nodes to the communities of their neighbours while that gains anything.

    Moving a node with the weight k to a community with the weight s, to which it
    has edges of the weight w, gains ``2 / m (w - s k / m)`` of modularity, where m
    is the weight of all edges, counted both ways.

    Returns:
        The community of each node, and the modularity gained.
    """
    degrees = [
        loop + sum(edges.values()) for loop, edges in zip(loops, weights, strict=True)
    ]
    sums = list(degrees)
    community = list(range(len(weights)))
    gained = 0.0
    for _ in range(SWEEPS):
        moves = 0
        for node, edges in enumerate(weights):
            old, degree = community[node], degrees[node]
            near: dict[int, float] = {}
            for other, weight in edges.items():
                home = community[other]
                near[home] = near.get(home, 0.0) + weight
            sums[old] -= degree
            share = degree / total
            stay = near.get(old, 0.0) - sums[old] * share
            best, most = old, stay
            for home, weight in near.items():
                gain = weight - sums[home] * share
                if gain > most:
                    best, most = home, gain
            sums[best] += degree
            if best != old:
                community[node] = best
                gained += 2 / total * (most - stay)
                moves += 1
        if not moves:
            break
    return community, gained


def _names(groups: Iterable[tuple[str, ...]], graph: "nx.DiGraph") -> list[str]:
    """Name each group by its directory, a further one there by its main file, too."""
    is_test = graph.nodes(data="is_test")
    taken: Counter[str] = Counter()
    names = []
    for group in groups:
        code = [path for path in group if not is_test[path]] or group
        folders = Counter(path.rpartition("/")[0] or "." for path in code)
        name = min(folders, key=lambda folder: (-folders[folder], folder))
        name = code[0] if len(group) == 1 else name
        if taken[name]:
            named = [p for p in code if _stem(p) not in _PACKAGES] or list(code)
            named.sort(key=lambda path: (-len(graph.pred[path]), path))
            further = [f"{name}: {_stem(path)}" for path in named]
            name = next((text for text in further if not taken[text]), further[0])
        taken[name] += 1
        names.append(name if taken[name] == 1 else f"{name} #{taken[name]}")
    return names


def _stem(path: str) -> str:
    return path.rpartition("/")[2].partition(".")[0]


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
