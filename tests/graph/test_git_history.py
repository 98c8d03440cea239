import subprocess
from pathlib import Path

import pytest

from openhands_tiered_router.graph import git_history
from openhands_tiered_router.graph.git_history import (
    FILES_PER_COMMIT,
    HALF_LIFE,
    History,
    parse_log,
    read_history,
    summarise,
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

    assert history.commits == 3
    assert history.files["sub/a.py"].commits == 2
    assert history.files["sub/a.py"].churn == pytest.approx(2, abs=0.01)
    assert history.files["sub/a.py"].terms["pars"] == 2
    assert history.files["b.py"].commits == 1


def test_paths_are_relative_to_the_workspace(repository: Path) -> None:
    history = read_history(repository / "sub")

    assert history.files.keys() == {"a.py"}


def test_no_repository_is_an_empty_history(tmp_path: Path) -> None:
    assert read_history(tmp_path) == History()


def test_no_git_is_an_empty_history(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")

    assert read_history(repository) == History()


def test_a_slow_git_is_ended(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = tmp_path / "git"
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(git_history, "TIMEOUT", 0.2)

    assert read_history(repository) == History()


def test_the_repository_cannot_make_git_run_a_program(repository: Path) -> None:
    trap = repository.parent / "trapped"
    program = repository.parent / "program"
    program.write_text(f"#!/bin/sh\ntouch {trap}\n")
    program.chmod(0o755)
    for key in ("gpg.program", "core.fsmonitor", "core.pager", "diff.external"):
        git(repository, "config", key, str(program))
    git(repository, "config", "log.showSignature", "true")

    assert read_history(repository).commits == 3
    assert not trap.exists()


def test_old_commits_count_less() -> None:
    history = summarise([(int(HALF_LIFE) + 100, "new", ["a"]), (100, "old", ["a"])])

    assert history.files["a"].churn == pytest.approx(1.5)


def test_a_commit_of_very_many_files_says_nothing() -> None:
    paths = [f"f{number}" for number in range(FILES_PER_COMMIT + 1)]

    assert summarise([(0, "reformat", paths)]).files == {}


@pytest.mark.parametrize("log", ["", "x", "\x01", "\x01abc\x02s\0a\0", "\x0112\x02s"])
def test_damaged_output_gives_no_files(log: str) -> None:
    assert parse_log(log).files == {}
