"""What a change can break: everything that depends on it, step by step back.

Both functions work on `CodeGraph.file_graph` and on `CodeGraph.digraph`. Full
reverse reachability says little (in one 3,400-file project the ninetieth
percentile reaches 1,604 files), so the search stops after a few steps.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from .model import CERTAIN, EdgeKind


if TYPE_CHECKING:
    import networkx as nx


DEPTH: Final = 3
"""Steps back; beyond it most of a project is reached."""

DECAY: Final = 0.5
"""How much less each further step counts in `BlastRadius.expected`."""

LIMIT: Final = 2_000
"""Dependents after which the search stops and says that it did."""

DEPENDENCY: Final = ~EdgeKind.CONTAINS


@dataclass(frozen=True, slots=True)
class Dependent:
    """Something that a change may reach."""

    node: str
    """Path of a file, or id of a definition."""
    depth: int
    """Steps to the change, from 1."""
    confidence: float
    """Product of the edges' confidences along the surest shortest way."""


@dataclass(frozen=True, slots=True)
class BlastRadius:
    """What depends on a set of files or definitions."""

    dependents: tuple[Dependent, ...]
    """Nearest and surest first, without the changed ones themselves."""
    truncated: bool
    """Whether the search stopped at `LIMIT`."""

    @property
    def expected(self) -> float:
        """Dependents, each weighed by confidence and `DECAY` per further step."""
        return sum(d.confidence * DECAY ** (d.depth - 1) for d in self.dependents)

    def within(self, depth: int) -> int:
        """Count the dependents at most `depth` steps away."""
        return sum(d.depth <= depth for d in self.dependents)


def blast_radius(
    graph: "nx.DiGraph",
    changed: Iterable[str],
    *,
    depth: int = DEPTH,
    certainty: float = CERTAIN,
) -> BlastRadius:
    """Search the dependents of some nodes, breadth first.

    O(edges into what is reached): 20 us for a median file, .4 ms for a hub.

    Args:
        graph: A file graph or a graph of definitions.
        changed: Its nodes that change; unknown ones are passed over.
        depth: Steps to follow.
        certainty: Least confidence of an edge to follow, in [0, 1].
    """
    reached = {node: 1.0 for node in changed if node in graph}
    frontier, found, truncated = dict(reached), [], False
    for step in range(1, depth + 1):
        frontier = _step_back(graph, frontier, reached, certainty)
        reached |= frontier
        found += sorted(
            (Dependent(node, step, sure) for node, sure in frontier.items()),
            key=lambda d: (-d.confidence, d.node),
        )
        if len(found) > LIMIT:
            truncated = True
            break
        if not frontier:
            break
    return BlastRadius(tuple(found[:LIMIT]), truncated)


def _step_back(
    graph: "nx.DiGraph",
    frontier: dict[str, float],
    reached: dict[str, float],
    certainty: float,
) -> dict[str, float]:
    """Return the new nodes one edge back, with their confidences."""
    before: dict[str, float] = {}
    for node, sure in frontier.items():
        for source, edge in graph.pred[node].items():
            confidence = edge["confidence"]
            if (
                source in reached
                or confidence < certainty
                or not edge["kinds"] & DEPENDENCY
            ):
                continue
            product = sure * confidence
            if product > before.get(source, 0.0):
                before[source] = product
    return before


def reaching_tests(
    graph: "nx.DiGraph",
    changed: Iterable[str],
    *,
    depth: int = DEPTH,
    certainty: float = CERTAIN,
) -> tuple[Dependent, ...]:
    """Return the tests that depend on some nodes, nearest and surest first.

    A changed test reaches itself, with depth 0. Same cost as `blast_radius`.
    """
    is_test = graph.nodes(data="is_test")
    changed = list(changed)
    own = [Dependent(n, 0, 1.0) for n in changed if n in graph and is_test[n]]
    radius = blast_radius(graph, changed, depth=depth, certainty=certainty)
    return (*own, *(d for d in radius.dependents if is_test[d.node]))
