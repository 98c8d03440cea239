from collections.abc import Callable, Mapping

import networkx as nx
import pytest

from openhands_tiered_router.graph import measures
from openhands_tiered_router.graph.measures import (
    depths,
    hubs,
    in_degrees,
    measure,
)
from openhands_tiered_router.graph.snapshot import CodeGraph


def dependencies(*edges: str, tests: str = "") -> nx.DiGraph:
    """Return a graph from edges such as ``ab``: a depends on b."""
    graph = nx.DiGraph()
    graph.add_nodes_from(sorted(set("".join(edges)) | set(tests)))
    graph.add_weighted_edges_from((edge[0], edge[1], 1.0) for edge in edges)
    for node in graph:
        graph.nodes[node]["is_test"] = node in tests
    return graph


def test_in_degree_counts_files_that_are_no_tests() -> None:
    graph = dependencies("ac", "bc", "tc", tests="t")

    assert in_degrees(graph) == {"a": 0, "b": 0, "c": 2, "t": 0}


def test_depth_is_the_longest_chain_and_a_cycle_is_one_link() -> None:
    found = depths(dependencies("ab", "bc", "cb", "cd", "ad"))

    assert found == {"a": 2, "b": 1, "c": 1, "d": 0}


def test_a_hub_has_enough_dependents(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = dependencies("ac", "bc", "ab")

    assert hubs(graph, in_degrees(graph)) == ()
    monkeypatch.setattr(measures, "HUB_MINIMUM", 2)
    assert hubs(graph, in_degrees(graph)) == ("c",)


def test_measures_of_a_project(shop: CodeGraph) -> None:
    found = measure(shop)

    assert found.files.keys() == shop.files.keys()
    assert found.version == shop.version
    assert found.files["shop/money.py"].depth == 0
    assert found.files["shop/web.py"].depth > found.files["shop/cart.py"].depth
    assert found.files["shop/cart.py"].in_degree == 2


def test_measures_do_not_depend_on_the_order_of_files(shop: CodeGraph) -> None:
    turned = CodeGraph.of(shop.root, dict(reversed(list(shop.records.items()))))

    assert measure(turned).files == measure(shop).files


def test_an_empty_project_has_measures(
    graph_of: Callable[[Mapping[str, str]], CodeGraph],
) -> None:
    found = measure(graph_of({"README": "x"}))

    assert found.hubs == ()
    assert sum(file.in_degree for file in found.files.values()) == 0
