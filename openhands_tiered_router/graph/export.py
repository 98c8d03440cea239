"""The graph in formats that other tools read: GraphML and node-link JSON."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from openhands_tiered_router.graph.model import EdgeKind
from openhands_tiered_router.graph.snapshot import CodeGraph


if TYPE_CHECKING:
    import networkx as nx


def export(graph: CodeGraph, form: str, *, definitions: bool = False) -> Iterator[str]:
    """Yield the lines of a graph in a format of `FORMATS`.

    Args:
        graph: The workspace's graph.
        form: ``graphml`` or ``json``.
        definitions: Whether classes and functions are nodes too.

    Raises:
        ValueError: An unknown format, or definitions of a workspace that is too
            large for a graph of them.
    """
    if form not in FORMATS:
        raise ValueError(f"unknown format {form!r}; use one of {', '.join(FORMATS)}")
    network = graph.digraph if definitions else graph.file_graph
    if network is None:
        raise ValueError(
            f"{len(graph.files):,} files are too many for a graph of definitions; "
            "export the graph of files"
        )
    return FORMATS[form](_plain(network))


def kind_names(kinds: int) -> str:
    """Return the names of an edge's kinds: ``calls imports``."""
    return " ".join(sorted(str(kind.name).lower() for kind in EdgeKind(kinds)))


def _plain(network: "nx.DiGraph") -> "nx.DiGraph":
    """Return a copy whose attributes are strings, numbers and truth values."""
    import networkx as nx  # 0.2 s to import, and not every process exports

    plain = nx.DiGraph()
    plain.add_nodes_from(
        (node, {key: _value(key, value) for key, value in attributes.items()})
        for node, attributes in network.nodes(data=True)
    )
    plain.add_edges_from(
        (source, target, {key: _value(key, v) for key, v in attributes.items()})
        for source, target, attributes in network.edges(data=True)
    )
    return plain


def _value(key: str, value: Any) -> Any:
    if key == "kinds":
        return kind_names(value)
    return str(value) if isinstance(value, str) else value


def _graphml(network: "nx.DiGraph") -> Iterator[str]:
    import networkx as nx  # as above

    # XML has no way to write a control character, which a file's name may hold.
    for line in nx.generate_graphml(network):
        yield "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in line)


def _json(network: "nx.DiGraph") -> Iterator[str]:
    import networkx as nx  # as above

    yield json.dumps(nx.node_link_data(network, edges="edges"))


FORMATS: Final[Mapping[str, Callable[["nx.DiGraph"], Iterator[str]]]] = {
    "graphml": _graphml,
    "json": _json,
}
