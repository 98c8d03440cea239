import logging
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from openhands_tiered_router.graph import signals as module
from openhands_tiered_router.graph.build import build_graph
from openhands_tiered_router.graph.signals import GraphSignals
from openhands_tiered_router.graph.snapshot import Change, CodeGraph


@pytest.fixture
def signals(shop: CodeGraph) -> GraphSignals:
    made = GraphSignals()
    made.update(shop)
    return made


def finish(signals: GraphSignals) -> None:
    worker = signals._worker
    if worker is not None:
        worker.join(30)


def test_before_the_first_graph_there_are_no_answers() -> None:
    assert GraphSignals().task_signals("cart") is None
    assert GraphSignals().touch_signals(["a.py"]) is None


def test_a_request_is_located_and_its_place_described(signals: GraphSignals) -> None:
    found = signals.task_signals("parse_amount cannot read a price")

    assert found is not None
    assert found.files[0].node == "shop/money.py"
    assert found.lines == 11
    assert found.complexity == 2
    assert found.depth == 0
    assert found.dependents == 5
    assert found.communities >= 1
    assert 0 <= found.cohesion <= 1


def test_a_request_about_nothing_here_has_empty_signals(signals: GraphSignals) -> None:
    found = signals.task_signals("quantum chromodynamics")

    assert found is not None
    assert (found.files, found.lines, found.dependents) == ((), 0, 0)


def test_a_touched_file_tells_what_it_can_break(signals: GraphSignals) -> None:
    found = signals.touch_signals(["shop/cart.py"])

    assert found is not None
    assert found.dependents == 4
    assert found.untested == ()


def test_untested_code_is_named_and_risky(signals: GraphSignals) -> None:
    tested = signals.touch_signals(["shop/cart.py"])
    untested = signals.touch_signals(["shop/colours.py"])

    assert tested is not None
    assert untested is not None
    assert untested.untested == ("shop/colours.py",)
    assert untested.dependents == 0
    assert untested.risk == pytest.approx(module.UNTESTED_RISK)
    assert 0 < tested.risk < untested.risk


def test_dependents_do_not_count_what_is_touched_itself(signals: GraphSignals) -> None:
    found = signals.touch_signals(["shop/cart.py", "shop/web.py", "shop/cart.py"])

    assert found is not None
    assert found.dependents == 3


def test_unknown_paths_are_no_risk(signals: GraphSignals) -> None:
    found = signals.touch_signals(["new.py", "../etc/passwd"])

    assert found is not None
    assert (found.risk, found.untested) == (0, ())


def test_touching_a_hub_is_a_risk(
    shop: CodeGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openhands_tiered_router.graph.measures.HUB_MINIMUM", 1)
    signals = GraphSignals()
    signals.update(shop)
    assert signals.measures is not None
    (hub,) = signals.measures.hubs

    found = signals.touch_signals([hub, "shop/colours.py"])

    assert found is not None
    assert found.hubs == (hub,)
    assert found.risk > module.HUB_RISK


def test_an_edit_that_changes_dependencies_is_followed(
    signals: GraphSignals, project: Path, shop: CodeGraph
) -> None:
    before = signals.touch_signals(["shop/colours.py"])
    (project / "tests/test_colours.py").write_text(
        "from shop.colours import shade\n\ndef test_shade():\n    assert shade(1, 2)\n"
    )
    paths = frozenset({"tests/test_colours.py"})
    edited = build_graph(project, persistent=False)
    version = shop.version + 1
    edited = replace(edited, version=version, changes=(Change(version, paths),))
    signals.update(edited)
    after = signals.touch_signals(["shop/colours.py"])

    assert before is not None
    assert after is not None
    assert before.untested == ("shop/colours.py",)
    assert after.untested == ()


def test_observing_works_in_the_background(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = []
    measure = module.measure

    def noted(graph: CodeGraph) -> object:
        threads.append(threading.current_thread())
        return measure(graph)

    monkeypatch.setattr(module, "measure", noted)
    signals = GraphSignals()
    graph = build_graph(project, persistent=False)

    signals.observe(graph)
    signals.observe(graph)
    finish(signals)

    assert threads
    assert threading.current_thread() not in threads
    assert signals.task_signals("cart") is not None


def test_an_unfinished_graph_is_not_used(tmp_path: Path) -> None:
    signals = GraphSignals()

    signals.observe(CodeGraph(tmp_path))
    finish(signals)

    assert signals.task_signals("cart") is None


def test_a_failure_leaves_the_router_without_signals_only(
    shop: CodeGraph,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(graph: CodeGraph) -> None:
        raise ZeroDivisionError("no")

    monkeypatch.setattr(module, "measure", broken)
    signals = GraphSignals()
    with caplog.at_level(logging.WARNING):
        signals.observe(shop)
        finish(signals)

    assert signals.task_signals("cart") is None
    assert "ZeroDivisionError" in caplog.text
