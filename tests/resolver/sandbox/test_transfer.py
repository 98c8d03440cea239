"""A bundle there, a patch back; the other side is a directory of this machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import cast

import pytest
from openhands.sdk.workspace import LocalWorkspace, RemoteWorkspace

from openhands_tiered_router.git import Git
from openhands_tiered_router.resolver.errors import ResolveError
from openhands_tiered_router.resolver.sandbox import transfer
from tests.resolver.conftest import git, project  # noqa: F401


@pytest.fixture
def there(tmp_path: Path) -> RemoteWorkspace:
    """It has the same commands as one on a server."""
    directory = tmp_path / "there" / "work"
    directory.mkdir(parents=True)
    return cast("RemoteWorkspace", LocalWorkspace(working_dir=str(directory)))


@pytest.mark.parametrize("depth", [None, 1])
def test_files_go_there_with_what_was_uncommitted_and_the_change_comes_back(
    project: Path,  # noqa: F811
    there: RemoteWorkspace,
    tmp_path: Path,
    depth: int | None,
) -> None:
    """A shallow clone, as CI jobs have it, goes without its history."""
    (project / "second.txt").write_text("2\n")
    git(project, "add", "--all")
    git(project, "commit", "-q", "-m", "Second")
    shallow = [] if depth is None else ["--depth", "1"]
    git(tmp_path, "clone", "-q", *shallow, f"file://{project}", "clone")
    clone = tmp_path / "clone"
    base = git(clone, "rev-parse", "HEAD")
    (clone / "code.py").write_text("value = 3\n")
    git(clone, "commit", "-q", "-a", "-m", "What was uncommitted")
    own = Git(clone / ".git", clone)
    transfer.bring(there, own, own("rev-parse", "HEAD"), base, "branch")
    work = Path(there.working_dir)
    assert git(work, "status", "--short") == "M code.py"
    assert git(work, "log", "--format=%h").count("\n") == (1 if depth is None else 0)
    (work / "code.py").write_text("value = 4\n")
    (work / "bytes").write_bytes(b"\0\xff")
    own("apply", "--index", "-", given=transfer.fetch(there))
    assert (clone / "code.py").read_text() == "value = 4\n"
    assert (clone / "bytes").read_bytes() == b"\0\xff"
    assert git(project, "for-each-ref", "refs/tiered-router") == ""
    transfer.remove(there)
    assert not work.exists()


def test_what_git_cannot_take_there_leaves_the_rest(
    project: Path,  # noqa: F811
    there: RemoteWorkspace,
) -> None:
    own = Git(project / ".git", project, failure=ResolveError)
    head = own("rev-parse", "HEAD")
    transfer.bring(there, own, head, head, "branch")
    work = Path(there.working_dir)
    git(work, "init", "-q", "begun")
    (work / ".git" / "index.lock").touch()  # of a git that was killed
    for name, value in {"diff.noprefix": "true", "color.ui": "always"}.items():
        git(work, "config", name, value)
    (work / "code.py").write_text("value = 4\n")
    own("apply", "--index", "-", given=transfer.fetch(there))
    assert git(project, "diff", "--cached", "--name-only") == "code.py"
    (work / ".git" / "index").write_bytes(b"broken")
    with pytest.raises(ResolveError, match="the sandbox failed"):
        transfer.fetch(there)


def test_what_cannot_be_removed_there_stays(
    there: RemoteWorkspace,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Files of root's, such as those that ``sudo`` left; root can remove all."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "rm").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "bin" / "rm").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    transfer.remove(there)
    assert Path(there.working_dir).exists()


def test_files_that_do_not_get_there_are_told(
    project: Path,  # noqa: F811
    there: RemoteWorkspace,
    tmp_path: Path,
) -> None:
    (tmp_path / "there" / "work.bundle" / "bundle").mkdir(parents=True)
    own = Git(project / ".git", project, failure=ResolveError)
    head = own("rev-parse", "HEAD")
    with pytest.raises(ResolveError, match=r"the files \(0\.0 MB"):
        transfer.bring(there, own, head, head, "branch")
