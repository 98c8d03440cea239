from collections.abc import Callable, Mapping

import networkx as nx
import pytest

from openhands_tiered_router.graph import impact
from openhands_tiered_router.graph.impact import (
    blast_radius,
    nodes_of,
    reaching_tests,
)
from openhands_tiered_router.graph.model import EdgeKind
from openhands_tiered_router.graph.snapshot import CodeGraph


def network(*edges: tuple[str, str, EdgeKind, float]) -> nx.DiGraph:
    graph = nx.DiGraph()
    for source, target, kinds, confidence in edges:
        graph.add_edge(source, target, kinds=int(kinds), confidence=confidence)
    for node in graph:
        graph.nodes[node]["is_test"] = node.startswith("test")
    return graph


def test_dependents_are_found_step_by_step(shop: CodeGraph) -> None:
    radius = blast_radius(shop.file_graph, ["shop/money.py"])
    depths = {d.node: d.depth for d in radius.dependents}

    assert depths["shop/cart.py"] == 1
    assert depths["shop/web.py"] == depths["tests/test_cart.py"] == 2
    assert depths["tests/test_web.py"] == 3
    assert "shop/colours.py" not in depths
    assert not radius.truncated


def test_depth_limits_the_search(shop: CodeGraph) -> None:
    radius = blast_radius(shop.file_graph, ["shop/money.py"], depth=1)

    assert {d.depth for d in radius.dependents} == {1}


def test_confidences_multiply_along_the_surest_way() -> None:
    graph = network(
        ("b", "a", EdgeKind.CALLS, 0.9),
        ("c", "a", EdgeKind.CALLS, 1.0),
        ("d", "b", EdgeKind.CALLS, 1.0),
        ("d", "c", EdgeKind.CALLS, 0.95),
    )

    radius = blast_radius(graph, ["a"])

    assert [(d.node, d.confidence) for d in radius.dependents] == [
        ("c", 1.0),
        ("b", 0.9),
        ("d", 0.95),
    ]
    assert (radius.within(1), radius.within(2)) == (2, 3)


def test_unsure_edges_are_not_followed() -> None:
    graph = network(("b", "a", EdgeKind.CALLS, 0.6))

    assert blast_radius(graph, ["a"]).dependents == ()
    assert len(blast_radius(graph, ["a"], certainty=0.5).dependents) == 1


def test_an_import_counts_only_where_no_use_is_known() -> None:
    used = network(
        ("user", "a", EdgeKind.CALLS | EdgeKind.IMPORTS, 1.0),
        ("reexport", "a", EdgeKind.IMPORTS, 1.0),
    )
    imported = network(("reexport", "a", EdgeKind.IMPORTS, 1.0))

    assert [d.node for d in blast_radius(used, ["a"]).dependents] == ["user"]
    assert [d.node for d in blast_radius(imported, ["a"]).dependents] == ["reexport"]


def test_a_definition_that_nobody_calls_is_reached_through_its_owner() -> None:
    graph = network(
        ("C", "C.run", EdgeKind.CONTAINS, 1.0), ("test_c", "C", EdgeKind.CALLS, 1.0)
    )

    found = reaching_tests(graph, ["C.run"])

    assert [(d.node, d.depth, d.confidence) for d in found] == [("test_c", 2, 0.5)]


def test_cycles_end() -> None:
    graph = network(("a", "b", EdgeKind.CALLS, 1.0), ("b", "a", EdgeKind.CALLS, 1.0))

    assert [d.node for d in blast_radius(graph, ["a"], depth=10).dependents] == ["b"]


def test_a_hub_is_truncated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(impact, "LIMIT", 3)
    graph = network(*((f"n{i}", "hub", EdgeKind.CALLS, 1.0) for i in range(9)))

    radius = blast_radius(graph, ["hub"])

    assert radius.truncated
    assert len(radius.dependents) == 3


def test_a_changed_test_reaches_itself(shop: CodeGraph) -> None:
    found = reaching_tests(shop.file_graph, ["tests/test_web.py"])

    assert [(d.node, d.depth) for d in found] == [("tests/test_web.py", 0)]


def test_tests_of_a_function(shop: CodeGraph) -> None:
    assert shop.digraph is not None
    found = reaching_tests(
        shop.digraph, nodes_of(shop, "shop/cart.py", "Cart.checkout")
    )

    assert [d.node for d in found] == ["tests/test_web.py::test_request"]


def test_unknown_nodes_reach_nothing(shop: CodeGraph) -> None:
    assert blast_radius(shop.file_graph, ["nowhere.py"]).dependents == ()


def test_a_symbol_stands_for_what_is_in_it(
    graph_of: Callable[[Mapping[str, str]], CodeGraph],
) -> None:
    graph = graph_of({"a.py": "class A:\n    class B:\n        def c(self): ...\n"})

    assert nodes_of(graph, "a.py", "A") == ["a.py::A", "a.py::A.B", "a.py::A.B.c"]
    assert nodes_of(graph, "a.py", "B.c") == ["a.py::A.B.c"]
    assert nodes_of(graph, "a.py", "nothing") == []
    assert nodes_of(graph, "b.py", "A") == []


def test_a_name_stands_for_all_of_its_overloads(
    graph_of: Callable[[Mapping[str, str]], CodeGraph],
) -> None:
    graph = graph_of(
        {
            "A.java": "class A { void f(int a) {} void f(String a) {} }",
            "T.java": "class T { void one(A a) { a.f(1); }\n"
            'void two(A a) { a.f("x"); } }',
        }
    )

    def users(symbol: str) -> set[str]:
        assert graph.digraph is not None
        radius = blast_radius(graph.digraph, nodes_of(graph, "A.java", symbol), depth=1)
        return {d.node for d in radius.dependents}

    assert users("A.f") == users("f") == {"T.java::T.one", "T.java::T.two"}
    assert users("A.f#1") == {"T.java::T.two"}
