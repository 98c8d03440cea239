import threading
from dataclasses import replace
from pathlib import Path

import pytest

from openhands_tiered_router.graph.build import build_graph
from openhands_tiered_router.graph.git_history import History, Terms
from openhands_tiered_router.graph.location import locator as module
from openhands_tiered_router.graph.location.locator import NOWHERE, Location, Locator
from openhands_tiered_router.graph.model import FileFacts
from openhands_tiered_router.graph.snapshot import Change, CodeGraph


def ask(graph: CodeGraph, text: str, history: History | None = None) -> Location:
    locator = Locator()
    locator.update(graph, history)
    return locator.locate(text)


def test_the_file_and_definition_in_question_come_first(shop: CodeGraph) -> None:
    found = ask(shop, "Cannot parse an amount with a comma in the price")

    assert found.files[0].node == "shop/money.py"
    assert found.definitions[0].node == "shop/money.py::parse_amount"


def test_a_path_in_the_text_decides_between_equals(shop: CodeGraph) -> None:
    text = "checkout of the Cart fails\nFile '/srv/shop/web.py', line 5"

    assert ask(shop, text).files[0].node == "shop/web.py"


def test_a_dotted_name_helps(shop: CodeGraph) -> None:
    plain = {h.node: h.score for h in ask(shop, "the shade of red").files}
    named = {h.node: h.score for h in ask(shop, "shop.money: the shade of red").files}

    assert named["shop/money.py"] > plain.get("shop/money.py", 0)


def test_tests_come_after_what_they_test(shop: CodeGraph) -> None:
    nodes = [hit.node for hit in ask(shop, "Cart total is wrong").files]

    assert nodes.index("shop/cart.py") < nodes.index("tests/test_cart.py")


def test_past_commits_help(shop: CodeGraph) -> None:
    history = {"shop/web.py": {"latency": 2}}

    assert ask(shop, "latencies", history).files[0].node == "shop/web.py"
    assert ask(shop, "latencies").files == ()


def test_a_text_about_nothing_here_points_nowhere(shop: CodeGraph) -> None:
    assert ask(shop, "quantum chromodynamics") == NOWHERE
    assert ask(shop, "") == NOWHERE
    assert Locator().locate("cart") == NOWHERE


def test_edits_are_followed(project: Path, shop: CodeGraph) -> None:
    locator = Locator()
    locator.update(shop)
    (project / "shop/colours.py").write_text("def zebra_stripes():\n    pass\n")
    (project / "shop/web.py").unlink()
    (project / "shop/giraffe.py").write_text("def neck():\n    pass\n")
    paths = frozenset({"shop/colours.py", "shop/web.py", "shop/giraffe.py"})
    edited = replace(build_graph(project, persistent=False), version=shop.version + 1)
    edited = replace(edited, changes=(Change(edited.version, paths),))
    fresh = Locator()
    fresh.update(edited)

    locator.update(edited)

    for text in ("zebra stripes", "giraffe neck", "handle request", "shop/web.py cart"):
        assert locator.locate(text) == fresh.locate(text)
    assert locator.locate("zebra stripes").files[0].node == "shop/colours.py"


def test_a_file_that_was_only_linked_anew_is_not_read_again(
    shop: CodeGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    locator = Locator()
    locator.update(shop)
    read: list[str] = []

    def noted(facts: FileFacts, said: Terms | None) -> dict[str, float]:
        read.append(facts.path)
        return {}

    monkeypatch.setattr(module, "file_worths", noted)
    change = Change(shop.version + 1, frozenset(shop.files))
    locator.update(replace(shop, version=change.version, changes=(change,)))

    assert read == []


def test_answers_hold_while_another_thread_updates(shop: CodeGraph) -> None:
    locator = Locator()
    locator.update(shop)
    fewer = {path: f for path, f in shop.files.items() if path != "shop/web.py"}
    stop = threading.Event()

    def follow() -> None:
        version, whole = shop.version, False
        while not stop.is_set():
            version, whole = version + 1, not whole
            step = (Change(version, frozenset({"shop/web.py"})),)
            files = shop.files if whole else fewer
            locator.update(replace(shop, version=version, files=files, changes=step))

    writer = threading.Thread(target=follow)
    writer.start()
    try:
        firsts = {locator.locate("parse an amount").files[0].node for _ in range(300)}
    finally:
        stop.set()
        writer.join()

    assert firsts == {"shop/money.py"}


def test_a_class_comes_before_its_constructor(graph_of) -> None:
    source = "class Reader { Reader(String reader, int size) {} void read() {} }"
    graph = graph_of({"src/Reader.java": source, "src/Other.java": "class Other {}"})
    locator = Locator()
    locator.update(graph)
    nodes = [hit.node for hit in locator.locate("Reader of a size").definitions]
    assert nodes[:2] == ["src/Reader.java::Reader", "src/Reader.java::Reader.Reader"]
