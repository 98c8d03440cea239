"""The graph as networkx' node-link JSON, for other tools."""

import json

from openhands_tiered_router.graph.model import EdgeKind
from openhands_tiered_router.graph.snapshot import CodeGraph


def export(graph: CodeGraph, *, definitions: bool = False) -> str:
    """Return a graph as node-link JSON.

    Args:
        graph: The workspace's graph.
        definitions: Whether classes and functions are nodes too.

    Raises:
        ValueError: Definitions of a workspace that is too large for a graph of them.
    """
    import networkx as nx  # 0.2 s to import, and not every process exports

    network = graph.digraph if definitions else graph.file_graph
    if network is None:
        raise ValueError(
            f"{len(graph.files):,} files are too many for a graph of definitions; "
            "export the graph of files"
        )
    data = nx.node_link_data(network, edges="edges")
    data["edges"] = [edge | {"kinds": _names(edge["kinds"])} for edge in data["edges"]]
    return json.dumps(data)


def _names(kinds: int) -> str:
    """Return the names of an edge's kinds: ``calls imports``."""
    return " ".join(sorted(str(kind.name).lower() for kind in EdgeKind(kinds)))
