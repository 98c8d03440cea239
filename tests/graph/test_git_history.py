import subprocess
from pathlib import Path

import pytest

from openhands_tiered_router.graph import git_history
from openhands_tiered_router.graph.git_history import (
    FILES_PER_COMMIT,
    parse_log,
    read_history,
)


def git(root: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=n", "-c", "user.email=e", "-c", "commit.gpgsign=false")
    subprocess.run(("git", *identity, *arguments), cwd=root, check=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "repository"
    (root / "sub").mkdir(parents=True)
    git(root, "init", "-q")
    for number, (path, subject) in enumerate(
        [("sub/a.py", "Add parser"), ("b.py", "Add b"), ("sub/a.py", "Fix parser")]
    ):
        (root / path).write_text(str(number))
        git(root, "add", ".")
        git(root, "commit", "-q", "-m", subject)
    return root


def test_commits_are_counted_by_file(repository: Path) -> None:
    history = read_history(repository)

    assert history["sub/a.py"]["pars"] == 2
    assert history["b.py"] == {"add": 1, "=add": 1}


def test_paths_are_relative_to_the_workspace(repository: Path) -> None:
    history = read_history(repository / "sub")

    assert history.keys() == {"a.py"}


def test_no_repository_is_an_empty_history(tmp_path: Path) -> None:
    assert read_history(tmp_path) == {}


def test_no_git_is_an_empty_history(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")

    assert read_history(repository) == {}


def test_a_slow_git_is_ended(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = tmp_path / "git"
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(git_history, "TIMEOUT", 0.2)

    assert read_history(repository) == {}


def test_the_repository_cannot_make_git_run_a_program(repository: Path) -> None:
    trap = repository.parent / "trapped"
    program = repository.parent / "program"
    program.write_text(f"#!/bin/sh\ntouch {trap}\n")
    program.chmod(0o755)
    for key in ("gpg.program", "core.fsmonitor", "core.pager", "diff.external"):
        git(repository, "config", key, str(program))
    git(repository, "config", "log.showSignature", "true")

    assert read_history(repository).keys() == {"sub/a.py", "b.py"}
    assert not trap.exists()


def test_a_commit_of_very_many_files_says_nothing() -> None:
    paths = [f"f{number}" for number in range(FILES_PER_COMMIT + 1)]

    assert parse_log(f"\x01reformat\0\n{'\0'.join(paths)}\0") == {}
    assert parse_log(f"\x01reformat\0\n{'\0'.join(paths[1:])}\0").keys() == {*paths[1:]}


@pytest.mark.parametrize("log", ["", "x", "\x01", "\x01subject", "a\0b"])
def test_damaged_output_gives_no_files(log: str) -> None:
    assert parse_log(log) == {}
