import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from openhands_tiered_router.graph.measures import measure
from openhands_tiered_router.graph.snapshot import CodeGraph
from openhands_tiered_router.graph.view import render


def data_of(page: str) -> dict[str, Any]:
    match = re.search(r'<script[^>]* id="data">(.*?)</script>', page, re.DOTALL)
    assert match
    return json.loads(match[1])


def test_the_page_holds_every_file_and_sure_edge(shop: CodeGraph) -> None:
    data = data_of(render(shop, measure(shop), selected="shop/cart.py"))
    paths = [file[0] for file in data["files"]]
    links = {(paths[source], paths[target]) for source, target, _ in data["links"]}

    assert paths == sorted(shop.files)
    assert paths[data["selected"]] == "shop/cart.py"
    assert ("shop/web.py", "shop/cart.py") in links
    assert links <= set(shop.file_graph.edges)
    assert all(file[1] < len(data["communities"]) for file in data["files"])


def test_the_page_needs_nothing_but_itself(shop: CodeGraph) -> None:
    page = render(shop, measure(shop))

    assert not re.search(r"(?:https?:)?//[a-z]+\.[a-z]|<link|<img|src=|@import", page)
    assert "default-src 'none'" in page


def test_a_file_name_cannot_break_out_of_the_page(
    graph_of: Callable[[Mapping[str, str]], CodeGraph],
) -> None:
    name = "<script>alert(1)<!--.py"
    graph = graph_of({name: "x = 1\n"})
    page = render(graph, measure(graph))

    assert "<script>alert" not in page
    assert [file[0] for file in data_of(page)["files"]] == [name]


def test_nothing_of_the_template_is_left(shop: CodeGraph) -> None:
    page = render(shop, measure(shop))

    assert not re.search(r"\$(?:title|style|script|data)\b", page)
    assert page.count("</script>") == 2


def test_the_page_lists_what_a_file_defines(shop: CodeGraph) -> None:
    data = data_of(render(shop, measure(shop)))
    number = [file[0] for file in data["files"]].index("shop/money.py")

    assert data["definitions"][number] == [
        ["Money", 1, 1, 0],
        ["add", 3, 2, 1],
        ["parse_amount", 8, 1, 0],
    ]
    assert data["languages"][data["files"][number][8]] == "python"


def test_long_lists_of_definitions_are_cut(
    graph_of: Callable[[Mapping[str, str]], CodeGraph],
) -> None:
    graph = graph_of({"a.py": "".join(f"def f{n}(): pass\n" for n in range(99))})
    data = data_of(render(graph, measure(graph)))

    assert len(data["definitions"][0]) == data["most"] < 99
