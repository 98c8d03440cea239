from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from openhands.sdk.event import MessageEvent
from openhands.sdk.llm import Message

from openhands_tiered_router.graph import workspace as workspaces
from openhands_tiered_router.sdk.graphs import GraphFollower, LiveGraphs
from tests.waiting import wait_until


def wait_for(graphs: LiveGraphs, workspace: str, text: str):
    return wait_until(lambda: graphs(workspace, text))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    project = tmp_path / "project"
    project.mkdir()
    (project / "pricing.py").write_text("def discount(total):\n    return total\n")
    (project / "cart.py").write_text("from pricing import discount\n")
    return project


def test_the_first_question_waits_for_nothing(project: Path) -> None:
    graphs = LiveGraphs()
    assert graphs(str(project), "discount is wrong") is None
    facts = wait_for(graphs, str(project), "discount is wrong")
    assert facts.lines > 0


def test_an_edit_reaches_the_graph(project: Path) -> None:
    graphs = LiveGraphs()
    wait_for(graphs, str(project), "discount")
    (project / "shipping.py").write_text("def freight(weight):\n    return weight\n")
    graphs.edited(str(project), str(project / "shipping.py"))
    assert workspaces.get(str(project)).wait(120)
    assert wait_for(graphs, str(project), "freight").candidates > 0


def test_a_workspace_that_does_not_exist_has_no_graph(tmp_path: Path) -> None:
    graphs = LiveGraphs()
    for _ in range(20):
        assert graphs(str(tmp_path / "none"), "anything") is None
        time.sleep(0.01)


def test_graphs_beyond_the_limit_are_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("openhands_tiered_router.sdk.graphs.MAX_WORKSPACES", 1)
    graphs = LiveGraphs()
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "module.py").write_text(f"def {name}{name}():\n    pass\n")
        wait_for(graphs, str(tmp_path / name), name * 2)
    assert list(graphs._signals) == [str(tmp_path / "b")]


def test_a_follower_that_fails_does_not_end_the_run(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    follower = GraphFollower()
    monkeypatch.setattr(follower, "_see", lambda _: 1 / 0)
    follower(MessageEvent(source="user", llm_message=Message(role="user")))
    assert "ZeroDivisionError" in caplog.text


EXITING = """
import sys
from openhands_tiered_router.sdk.graphs import live_graphs
live_graphs().signals(sys.argv[1])
print("done")
"""


@pytest.mark.slow
@pytest.mark.parametrize("_", range(3))
def test_a_process_may_end_while_its_graph_begins(project: Path, _: int) -> None:
    """A thread frozen within an import would leave its lock behind."""
    result = subprocess.run(
        [sys.executable, "-c", EXITING, str(project)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout == "done\n"


def test_nothing_is_followed_after_the_end(project: Path) -> None:
    graphs = LiveGraphs()
    wait_for(graphs, str(project), "discount")
    graphs.close()
    assert graphs.signals(str(project)) is None
    assert graphs._signals == {}
