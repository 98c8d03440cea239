import json
from dataclasses import replace

import networkx as nx
import pytest

from openhands_tiered_router.graph.export import export
from openhands_tiered_router.graph.snapshot import CodeGraph


def test_json_can_be_read_back(shop: CodeGraph) -> None:
    data = json.loads(export(shop, definitions=True))
    read = nx.node_link_graph(data, edges="edges")

    assert shop.digraph is not None
    assert set(read.edges) == set(shop.digraph.edges)
    assert (
        "calls"
        in read.edges["shop/cart.py::Cart.checkout", "shop/cart.py::Cart.total"][
            "kinds"
        ].split()
    )


def test_too_large_a_workspace_has_no_definitions(
    shop: CodeGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openhands_tiered_router.graph.snapshot.LARGE", 3)

    with pytest.raises(ValueError, match="too many"):
        export(replace(shop), definitions=True)
