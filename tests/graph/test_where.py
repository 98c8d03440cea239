"""Questions answered from the index on disk, and how it follows the workspace."""

import os
import random
import subprocess
from pathlib import Path

import pytest

from openhands_tiered_router.graph import where as module
from openhands_tiered_router.graph.build import build_graph
from openhands_tiered_router.graph.git_history import read_history
from openhands_tiered_router.graph.location import stored
from openhands_tiered_router.graph.location.locator import Locator
from openhands_tiered_router.graph.location.stored import StoredIndex
from openhands_tiered_router.graph.where import where


TEXTS = ("Read a price such as 3.50", "checkout in shop/cart.py", "shade of colours")


@pytest.fixture
def ask(project: Path, tmp_path: Path):
    """Ask with a cache of the test's own, and check against a fresh index."""
    cache = tmp_path / "cache" / "graph.sqlite"

    def asked(text: str):
        found = where(project, text, cache=cache)
        fresh = Locator()
        fresh.update(build_graph(project, persistent=False), read_history(project))
        assert found == fresh.locate(text)
        return found

    return asked


def test_the_second_question_neither_builds_nor_reads_files(
    project, tmp_path, monkeypatch
):
    for path in project.rglob("*"):
        os.utime(path, (1, 1))  # files just written would be looked at again
    cache = tmp_path / "cache" / "graph.sqlite"
    first = where(project, TEXTS[0], cache=cache)
    assert first.files[0].node == "shop/money.py"

    def no(*_, **__):
        raise AssertionError("built again")

    monkeypatch.setattr(module, "build_graph", no)
    assert where(project, TEXTS[0], cache=cache) == first


def test_answers_follow_random_edits(ask, project: Path):
    rng = random.Random(7)
    files = sorted(p for p in project.rglob("*.py"))
    for step in range(12):
        file = rng.choice(files)
        if rng.random() < 0.3 and file.exists():
            file.unlink()
        else:
            file.parent.mkdir(exist_ok=True)
            file.write_text(f"def price_{step}(text):\n    return shade(text)\n")
        for text in TEXTS:
            ask(text)


def test_a_new_commit_is_noticed(ask, project: Path):
    def git(*words: str) -> None:
        name = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", *name, *words], cwd=project, check=True)

    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "first")
    assert not ask("zebra").files
    (project / "shop/colours.py").write_text("def shade():\n    return 1\n")
    git("commit", "-qam", "Paint the zebra")
    assert ask("zebra").files[0].node == "shop/colours.py"
    git("pack-refs", "--all")
    assert ask("zebra").files[0].node == "shop/colours.py"


@pytest.mark.parametrize("content", [b"", b"not a database", b"\0" * 5_000])
def test_a_damaged_index_is_made_again(project, tmp_path, content):
    cache = tmp_path / "cache" / "graph.sqlite"
    first = where(project, TEXTS[1], cache=cache)
    cache.with_suffix(".where.sqlite").write_bytes(content)
    assert where(project, TEXTS[1], cache=cache) == first
    assert StoredIndex.beside(cache).commit() is not None


def test_an_index_of_another_version_is_made_again(project, tmp_path, monkeypatch):
    cache = tmp_path / "cache" / "graph.sqlite"
    where(project, TEXTS[0], cache=cache)
    monkeypatch.setattr(stored, "VERSION", "another")
    assert StoredIndex.beside(cache).commit() is None
    where(project, TEXTS[0], cache=cache)
    assert StoredIndex.beside(cache).commit() is not None
