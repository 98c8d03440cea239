"""Callers, callees and ways, with lines; and parts of large graphs."""

import pytest

from openhands_tiered_router.graph import snapshot
from openhands_tiered_router.graph.impact import blast_radius, nodes_of, reaching_tests
from openhands_tiered_router.graph.questions import (
    callees,
    callers,
    network_for,
    way,
)
from openhands_tiered_router.graph.snapshot import CodeGraph


def test_callers_with_their_lines(shop: CodeGraph) -> None:
    uses = callers(shop, ["shop/cart.py::Cart.total"])

    assert [(u.source, u.path, u.line, u.confidence) for u in uses] == [
        ("shop/cart.py::Cart.checkout", "shop/cart.py", 8, 1.0),
        ("tests/test_cart.py::test_total", "tests/test_cart.py", 4, 1.0),
    ]


def test_callees_with_their_lines(shop: CodeGraph) -> None:
    uses = callees(shop, ["shop/web.py::handle_request"])

    assert [(u.target, u.line) for u in uses] == [
        ("shop/cart.py::Cart", 5),
        ("shop/cart.py::Cart.checkout", 5),
    ]
    assert callees(shop, ["shop/colours.py::shade"]) == []


def test_a_way_from_one_place_to_another(shop: CodeGraph) -> None:
    steps = way(shop, ["shop/web.py::handle_request"], ["shop/money.py::parse_amount"])

    assert [(s.source.partition("::")[2], s.line) for s in steps] == [
        ("handle_request", 5),
        ("Cart.checkout", 8),
        ("Cart.total", 5),
    ]
    assert steps[-1].target == "shop/money.py::parse_amount"
    assert way(shop, ["shop/money.py::parse_amount"], ["shop/web.py"]) == []


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("symbol", ["Money.add", "parse_amount", "Money"])
def test_a_large_workspace_answers_as_a_small_one(
    shop: CodeGraph, monkeypatch: pytest.MonkeyPatch, depth: int, symbol: str
) -> None:
    nodes = nodes_of(shop, "shop/money.py", symbol)
    whole = network_for(shop, nodes, depth)
    large = CodeGraph.of(shop.root, shop.records)
    monkeypatch.setattr(snapshot, "LARGE", 2)
    part = network_for(large, nodes, depth)

    assert large.digraph is None
    assert "shop/colours.py" not in part
    assert blast_radius(part, nodes, depth=depth) == blast_radius(
        whole, nodes, depth=depth
    )
    assert reaching_tests(part, nodes, depth=depth) == reaching_tests(
        whole, nodes, depth=depth
    )
