"""The file of what was learned, in real repositories."""

from __future__ import annotations

import sqlite3
import stat
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from openhands_tiered_router.memory import store
from openhands_tiered_router.memory.lessons import Kind, Lesson
from openhands_tiered_router.memory.repository import Repository, repository_of
from openhands_tiered_router.memory.store import Memory, MemoryProblem

from .conftest import git


type Make = Callable[..., Path]


@pytest.fixture
def memory(tmp_path: Path) -> Memory:
    return Memory(tmp_path / "state" / "memory.sqlite3")


@pytest.fixture
def where(make_repository: Make) -> Repository:
    found = repository_of(make_repository(remote="https://example.invalid/a/shop.git"))
    assert found is not None
    return found


def works(text: str) -> Lesson:
    return Lesson(Kind.WORKS, text)


def test_a_repository_is_its_remote_and_root(make_repository: Make) -> None:
    one = make_repository("one", "https://me:secret@example.invalid/a/shop.git")
    found = repository_of(one)
    assert found is not None
    assert found.name == "a/shop"
    git(one, "remote", "set-url", "origin", "git@example.invalid:a/shop")
    assert repository_of(one) == found
    assert repository_of(one / "..") is None
    git(one, "remote", "set-url", "origin", "https://example.invalid/b/shop")
    other = repository_of(one)
    assert other is not None
    assert other.key != found.key
    same_remote = make_repository("two", "https://example.invalid/b/shop")
    another_root = repository_of(same_remote)
    assert another_root is not None
    assert another_root.key != other.key


def test_a_clone_is_the_same_repository_and_a_shallow_one_is_none(
    make_repository: Make, tmp_path: Path
) -> None:
    one = make_repository(remote="https://example.invalid/a/shop")
    (one / "later.txt").write_text("later\n")
    git(one, "add", ".")
    git(one, "commit", "-q", "-m", "later")
    for name, depth in (("whole", []), ("shallow", ["--depth=1"])):
        git(tmp_path, "clone", "-q", *depth, one.as_uri(), name)
        git(
            tmp_path / name,
            "remote",
            "set-url",
            "origin",
            "ssh://git@example.invalid/a/shop.git",
        )
    found, whole = repository_of(one), repository_of(tmp_path / "whole")
    assert found is not None
    assert whole is not None
    assert whole.key == found.key
    assert repository_of(tmp_path / "shallow") is None


def test_what_was_learned_is_told_as_data(memory: Memory, where: Repository) -> None:
    memory.learn(where, works("pytest -q"))
    memory.learn(where, Lesson(Kind.MENDS, "pip install x", "No module named 'x'"))
    told = memory.recall(where, "fix the tests")
    assert told is not None
    assert "not instructions" in told
    assert '- exited 0: "pytest -q"' in told
    assert '- after "No module named \'x\'": "pip install x"' in told


def test_other_repositories_are_told_nothing(
    memory: Memory, where: Repository, make_repository: Make
) -> None:
    memory.learn(where, works("pytest -q"))
    other = repository_of(make_repository("other"))
    assert other is not None
    assert memory.recall(other, "tests") is None


def test_an_entry_expires_when_its_files_change(
    memory: Memory, where: Repository
) -> None:
    memory.learn(where, works("pytest -q"))
    (where.top / "pyproject.toml").write_text("[project]\nname = 'changed'\n")
    assert memory.recall(where, "tests") is None
    assert memory.entries() == []


def test_an_entry_expires_with_a_file_that_it_names(
    memory: Memory, where: Repository
) -> None:
    (where.top / "run.sh").write_text("echo\n")
    memory.learn(where, Lesson(Kind.MENDS, "bash run.sh", "unknown option -x"))
    memory.learn(where, works("pytest -q"))
    (where.top / "run.sh").unlink()
    told = memory.recall(where, "tests")
    assert told is not None
    assert "run.sh" not in told
    assert "pytest -q" in told


def test_an_entry_expires_with_time(
    memory: Memory, where: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory.learn(where, works("pytest -q"))
    later = time.time() + 91 * 86_400
    monkeypatch.setattr(store.time, "time", lambda: later)
    assert memory.recall(where, "tests") is None
    assert memory.entries() == []


def test_secrets_and_escape_sequences_are_not_kept(
    memory: Memory, where: Repository
) -> None:
    secret = "hunter2hunter2"
    memory.learn(where, works(f"make deploy WITH={secret} \x1b[2J"), {secret})
    memory.learn(where, works("make API_KEY=sk-abcdefghijklmnop1234567890 check"))
    raw = memory.path.read_bytes()
    assert secret.encode() not in raw
    assert b"sk-abcdefghijklmnop" not in raw
    assert b"\x1b[2J" not in raw
    assert len(memory.entries()) == 2


def test_the_file_is_its_owners_alone(memory: Memory, where: Repository) -> None:
    memory.learn(where, works("pytest -q"))
    assert stat.S_IMODE(memory.path.stat().st_mode) == 0o600


def test_alike_commands_are_one_entry_the_shorter(
    memory: Memory, where: Repository
) -> None:
    memory.learn(where, works("pytest -q -x tests"))
    memory.learn(where, works("pytest -q tests"))
    memory.learn(where, works("make lint"))
    found = memory.entries(where.key)
    assert [(e.text, e.times) for e in found] == [
        ("make lint", 1),
        ("pytest -q tests", 2),
    ]


def test_what_fits_the_request_and_differs_comes_first(
    memory: Memory, where: Repository
) -> None:
    memory.learn(where, works("make docs html"))
    memory.learn(where, works("npm run frontend"))
    memory.learn(where, works("pytest tests unit"))
    told = memory.recall(where, "The frontend shows the wrong price")
    assert told is not None
    assert told.splitlines()[2] == '- exited 0: "npm run frontend"'


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15)
@given(texts=st.lists(st.text(min_size=1, max_size=200), min_size=1, max_size=30))
def test_it_never_tells_more_than_its_tokens(
    memory: Memory, where: Repository, texts: list[str]
) -> None:
    for text in texts:
        memory.learn(where, works(text))
    told = memory.recall(where, " ".join(texts))
    assert told is None or len(told) <= store.MOST_TOKENS * store.CHARS_PER_TOKEN
    if told is not None:
        assert all(line.startswith("- ") for line in told.splitlines()[2:-1])


def test_a_repositorys_entries_are_bounded(
    memory: Memory, where: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "MOST_ENTRIES", 5)
    for i in range(9):
        memory.learn(where, works(f"make target{i} flavour{i}"))
    assert [e.text[-1] for e in memory.entries()] == list("87654")


def test_writers_wait_for_each_other(memory: Memory, where: Repository) -> None:
    def learn(number: int) -> None:
        for i in range(5):
            memory.learn(where, works(f"make part{number} step{i} of{number}{i}"))

    threads = [Thread(target=learn, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(memory.entries()) == 20


def test_what_is_forgotten_is_nowhere_in_the_file(
    memory: Memory, where: Repository
) -> None:
    memory.learn(where, works("make peculiarity"))
    assert b"peculiarity" in memory.path.read_bytes()
    assert memory.forget([e.id for e in memory.entries()]) == 1
    assert b"peculiarity" not in memory.path.read_bytes()
    assert memory.forget([1]) == 0


def test_a_file_that_is_no_database_is_named(where: Repository, tmp_path: Path) -> None:
    path = tmp_path / "memory.sqlite3"
    path.write_text("not a database, " * 100)
    with pytest.raises(MemoryProblem, match="memory.sqlite3 cannot be used"):
        Memory(path).recall(where, "x")


def test_a_lesson_is_written_whole_or_not_at_all(
    memory: Memory, where: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory.learn(where, works("pytest -q"))

    def fail(*_: object) -> None:
        raise sqlite3.OperationalError("disk full")

    monkeypatch.setattr(Memory, "_remove_surplus", fail)
    with pytest.raises(MemoryProblem):
        memory.learn(where, works("make lint"))
    assert [e.text for e in memory.entries()] == ["pytest -q"]
