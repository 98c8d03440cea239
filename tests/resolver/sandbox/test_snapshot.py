"""A workspace's files as they stand, and a change that comes back into them."""

from __future__ import annotations

from pathlib import Path

import pytest

from openhands_tiered_router.git import Git
from openhands_tiered_router.resolver.errors import DeliveryError
from openhands_tiered_router.resolver.sandbox.snapshot import Snapshot
from tests.resolver.conftest import git, project  # noqa: F401


CHANGE = b"""\
diff --git a/code.py b/code.py
--- a/code.py
+++ b/code.py
@@ -1 +1 @@
-value = 1
+value = 2
"""
OUTSIDE = b"""\
diff --git a/../stolen b/../stolen
new file mode 100644
--- /dev/null
+++ b/../stolen
@@ -0,0 +1 @@
+x
"""
HOOK = OUTSIDE.replace(b"../stolen", b".git/hooks/pre-commit")
LINK = b"""\
diff --git a/out b/out
new file mode 120000
--- /dev/null
+++ b/out
@@ -0,0 +1 @@
+..
\\ No newline at end of file
diff --git a/out/stolen b/out/stolen
new file mode 100644
--- /dev/null
+++ b/out/stolen
@@ -0,0 +1 @@
+x
"""


def files(snapshot: Snapshot, commit: str) -> set[str]:
    return set(Git(snapshot.git_dir)("ls-tree", "-r", "--name-only", commit).split())


def state_of(root: Path) -> str:
    return git(root, "status", "--porcelain=v2", "--branch") + git(
        root, "stash", "list"
    )


def test_uncommitted_files_are_in_it_and_ignored_ones_are_not(
    project: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    (project / "new.txt").write_text("new\n")
    (project / "ignored").mkdir()
    (project / "ignored" / "key").write_text("secret\n")
    before = state_of(project)
    snapshot = Snapshot(project, tmp_path / "private")
    commit, base = snapshot.take()
    assert files(snapshot, commit) == {
        "code.py",
        "pyproject.toml",
        ".gitignore",
        "new.txt",
    }
    assert base == git(project, "rev-parse", "HEAD")
    assert Git(snapshot.git_dir)("rev-parse", f"{commit}^") == base
    assert state_of(project) == before
    assert git(project, "branch", "--list") == "* trunk"


@pytest.mark.parametrize("kind", ["no git", "part of one", "no commit", "git's own"])
def test_without_a_history_of_its_own_it_is_one_commit(
    project: Path,  # noqa: F811
    tmp_path: Path,
    kind: str,
) -> None:
    places = {"part of one": project / "part", "git's own": project / ".git" / "own"}
    place = places.get(kind, tmp_path / "place")
    place.mkdir()
    (place / "code.py").write_text("value = 1\n")
    if kind == "no commit":
        git(place, "init", "-q")
    snapshot = Snapshot(place, tmp_path / "private")
    commit, base = snapshot.take()
    assert commit == base
    assert files(snapshot, commit) == {"code.py"}
    assert snapshot.take_back(commit, CHANGE) == ("code.py",)
    assert (place / "code.py").read_text() == "value = 2\n"


def test_the_change_goes_beside_what_was_done_meanwhile(
    project: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    snapshot = Snapshot(project, tmp_path / "private")
    commit, _ = snapshot.take()
    (project / "mine.txt").write_text("mine\n")
    assert snapshot.take_back(commit, CHANGE) == ("code.py",)
    assert git(project, "diff", "--name-only") == "code.py", "not staged, not committed"
    assert snapshot.take_back(commit, b"") == ()


def test_a_change_that_does_not_fit_is_kept(
    project: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    snapshot = Snapshot(project, tmp_path / "private")
    commit, _ = snapshot.take()
    (project / "code.py").write_text("value = 3\n")
    with pytest.raises(DeliveryError, match="does not fit") as told:
        snapshot.take_back(commit, CHANGE)
    kept = tmp_path / "private" / "change.patch"
    assert str(kept) in str(told.value)
    assert kept.read_bytes() == CHANGE
    assert (project / "code.py").read_text() == "value = 3\n"


@pytest.mark.parametrize("patch", [OUTSIDE, HOOK, LINK])
def test_what_comes_back_cannot_reach_beyond_the_workspace(
    project: Path,  # noqa: F811
    tmp_path: Path,
    patch: bytes,
) -> None:
    snapshot = Snapshot(project, tmp_path / "private")
    commit, _ = snapshot.take()
    with pytest.raises(DeliveryError):
        snapshot.take_back(commit, patch)
    assert not list(tmp_path.rglob("stolen"))
    assert not (project / ".git" / "hooks" / "pre-commit").exists()
    assert not (project / "out").exists()
