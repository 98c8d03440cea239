import networkx as nx
import pytest

from openhands_tiered_router.graph.communities import communities


def two_groups() -> nx.DiGraph:
    graph = nx.DiGraph()
    for group in ("front", "back"):
        names = [f"{group}/{letter}.py" for letter in "abcd"]
        for source in names:
            for target in names:
                if source != target:
                    graph.add_edge(source, target, weight=1.0)
    graph.add_edge("front/a.py", "back/a.py", weight=1.0)
    graph.add_edge("tests/t.py", "back/a.py", weight=3.0)
    graph.add_node("alone.py")
    for node in graph:
        graph.nodes[node]["is_test"] = node.startswith("tests/")
    return graph


def no_tests(graph: nx.DiGraph) -> None:
    nx.set_node_attributes(graph, dict.fromkeys(graph, False), "is_test")


def test_files_that_belong_together_are_found_and_named() -> None:
    found = communities(two_groups())

    assert [c.name for c in found] == ["back", "front", "alone.py"]
    assert "tests/t.py" in found[0].files
    assert found[1].files == tuple(f"front/{letter}.py" for letter in "abcd")


def test_cohesion_is_the_inner_share_of_the_weight() -> None:
    back, front, alone = communities(two_groups())

    assert back.cohesion == pytest.approx(15 / 16)
    assert front.cohesion == pytest.approx(12 / 13)
    assert alone.cohesion == 1


def test_a_second_community_in_a_directory_is_named_by_its_main_file() -> None:
    graph = nx.DiGraph()
    graph.add_weighted_edges_from([("a/1", "a/2", 1.0), ("a/3", "a/4", 1.0)])
    no_tests(graph)

    assert [c.name for c in communities(graph)] == ["a", "a: 4"]


def test_the_same_graph_gives_the_same_communities() -> None:
    graph = nx.gnp_random_graph(120, 0.05, seed=3, directed=True)
    nx.set_edge_attributes(graph, dict.fromkeys(graph.edges, 1.0), "weight")
    no_tests(graph)
    graph = nx.relabel_nodes(graph, {n: f"d{n % 7}/f{n}.py" for n in graph})
    turned = nx.DiGraph()
    turned.add_nodes_from(reversed(list(graph.nodes(data=True))))
    turned.add_edges_from(reversed(list(graph.edges(data=True))))

    assert {c.files for c in communities(graph)} == {
        c.files for c in communities(turned)
    }
