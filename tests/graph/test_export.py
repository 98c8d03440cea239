import io
import json
from dataclasses import replace

import networkx as nx
import pytest

from openhands_tiered_router.graph.export import export, kind_names
from openhands_tiered_router.graph.model import EdgeKind
from openhands_tiered_router.graph.snapshot import CodeGraph


@pytest.mark.parametrize("definitions", [False, True])
def test_graphml_can_be_read_back(shop: CodeGraph, definitions: bool) -> None:
    text = "\n".join(export(shop, "graphml", definitions=definitions))
    read = nx.read_graphml(io.BytesIO(text.encode()))
    network = shop.digraph if definitions else shop.file_graph

    assert network is not None
    assert set(read.nodes) == set(network.nodes)
    assert set(read.edges) == set(network.edges)
    assert read.nodes["shop/cart.py"]["language"] == "python"


def test_json_can_be_read_back(shop: CodeGraph) -> None:
    data = json.loads("".join(export(shop, "json", definitions=True)))
    read = nx.node_link_graph(data, edges="edges")

    assert shop.digraph is not None
    assert set(read.edges) == set(shop.digraph.edges)
    assert (
        "calls"
        in read.edges["shop/cart.py::Cart.checkout", "shop/cart.py::Cart.total"][
            "kinds"
        ].split()
    )


def test_an_unknown_format_is_refused(shop: CodeGraph) -> None:
    with pytest.raises(ValueError, match="graphml, json"):
        list(export(shop, "svg"))


def test_too_large_a_workspace_has_no_definitions(
    shop: CodeGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openhands_tiered_router.graph.snapshot.LARGE", 3)

    with pytest.raises(ValueError, match="too many"):
        list(export(replace(shop), "json", definitions=True))


def test_kinds_have_names() -> None:
    assert kind_names(EdgeKind.CALLS | EdgeKind.IMPORTS) == "calls imports"
    assert kind_names(0) == ""
