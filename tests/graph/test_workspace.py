"""The living graph: shared, current, never in the way."""

import asyncio
import time

import pytest

from openhands_tiered_router.graph import sources, workspace as module, writer
from openhands_tiered_router.graph.extract import extract
from openhands_tiered_router.graph.grammar import GrammarMissingError
from openhands_tiered_router.graph.workspace import Workspace, close_all, get
from tests.waiting import wait_until


@pytest.fixture
def follow(tmp_path):
    """Follow a workspace with one function and one caller."""
    (tmp_path / "a.py").write_text("def f(): pass\n")
    (tmp_path / "b.py").write_text("from a import f\nf()\n")
    workspace = Workspace(tmp_path, persistent=False)
    yield workspace
    workspace.close()


def started(workspace):
    workspace.start()
    assert workspace.wait(120)
    return workspace


def calls(workspace):
    return [e.target for e in workspace.graph.edges_from("b.py") if e.kinds & 4]


def test_before_the_build_there_is_an_empty_graph(follow):
    assert not follow.graph.complete
    assert follow.graph.facts("a.py") is None


def test_edits_moves_and_deletions_are_followed(follow, tmp_path):
    started(follow)
    assert calls(follow) == ["a.py::f"]
    (tmp_path / "a.py").write_text("def g(): pass\n")
    follow.note_edit("a.py")
    assert follow.wait(120)
    assert calls(follow) == []
    (tmp_path / "a.py").unlink()
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "__init__.py").write_text("def f(): pass\n")
    follow.note_edit(tmp_path / "a.py")
    follow.note_edit(tmp_path / "a" / "__init__.py")
    assert follow.wait(120)
    assert calls(follow) == ["a/__init__.py::f"]


def test_a_scan_finds_what_nobody_told(follow, tmp_path):
    started(follow)
    (tmp_path / "c.py").write_text("import a\na.f()\n")
    follow.rescan()
    assert follow.wait(120)
    assert set(follow.graph.file_graph.predecessors("a.py")) == {"b.py", "c.py"}


def test_a_checkout_is_noticed(follow, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "GIT_POLL_S", 0.02)
    monkeypatch.setattr(module, "SAVE_AFTER_S", 0.02)
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_text("ref: refs/heads/a\n")
    started(follow)
    (tmp_path / "a.py").write_text("def g(): pass\n")
    time.sleep(0.02)
    (tmp_path / ".git" / "HEAD").write_text("ref: refs/heads/bb\n")
    wait_until(lambda: calls(follow) == [])


def test_ignored_and_foreign_paths_change_nothing(follow, tmp_path):
    (tmp_path / ".gitignore").write_text("gen/\n")
    (tmp_path / "gen").mkdir()
    (tmp_path / "gen" / "x.py").write_text("def f(): pass\n")
    started(follow)
    version = follow.graph.version
    follow.note_edit(tmp_path / "gen" / "x.py")
    follow.note_edit(tmp_path.parent / "elsewhere.py")
    follow.note_edit("../elsewhere.py")
    follow.note_edit("README.md")
    assert follow.wait(120)
    assert follow.graph.version == version


def test_one_graph_a_directory(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "w").mkdir()
    try:
        assert get(tmp_path / "w") is get(str(tmp_path / "w") + "/")
        assert get(tmp_path / "w").wait(120)
    finally:
        close_all()


def test_a_failure_is_told_and_never_raised(follow, monkeypatch, caplog):
    def fail(*_args, **_options):
        raise RuntimeError("no")

    monkeypatch.setattr(module.Refresher, "start", fail)
    follow.start()
    assert not follow.wait(120)
    assert follow.failure == "RuntimeError: no"
    assert "routing goes on without it" in caplog.text
    follow.note_edit("a.py")
    assert not follow.graph.complete


def test_a_missing_grammar_is_told_once_and_costs_the_definitions(
    follow, tmp_path, monkeypatch, caplog
):
    def missing(path, source, language):
        if language.name == "css":
            raise GrammarMissingError("css")
        return extract(path, source, language)

    monkeypatch.setattr(sources, "extract", missing)
    monkeypatch.setattr(writer, "has_grammar", lambda language: language.name != "css")
    (tmp_path / "a.css").write_text(".x { color: red }\n")
    (tmp_path / "b.css").write_text(".y { color: red }\n")
    graph = started(follow).graph
    assert graph.missing_grammars == {"css"}
    assert graph.files["a.css"].definitions == 0
    assert graph.definition("a.py::f") is not None
    assert caplog.text.count("no grammar for css") == 1
    assert "pip install" in caplog.text


async def test_an_event_loop_is_not_held_up(tmp_path):
    source = "def f{0}(x):\n    if x: return g{0}(x)\n    return h.i(x)\n"
    for number in range(60):
        text = "".join(source.format(n) for n in range(number, number + 40))
        (tmp_path / f"m{number}.py").write_text(text)
    workspace = Workspace(tmp_path, persistent=False)
    ticks = 0
    workspace.start()
    try:
        while not workspace.wait(0) and ticks < 60_000:
            await asyncio.sleep(0.0005)
            ticks += 1
        assert workspace.graph.complete
        assert ticks > 3
    finally:
        workspace.close()
