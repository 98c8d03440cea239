"""No repository makes a git command of ours run a program."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from openhands_tiered_router.git import (
    DIFF,
    Found,
    Git,
    GitCancelled,
    GitError,
    add_all,
    over,
)
from openhands_tiered_router.graph.git_history import read_history
from openhands_tiered_router.guards.verify.git import Repository
from openhands_tiered_router.resolver.checkout import Trees


# Settings by which a repository can name a program. {} is the trap.
PROGRAMS = (
    *("filter.x.clean", "filter.x.smudge", "filter.x.process", "core.fsmonitor"),
    *("core.pager", "core.editor", "core.sshCommand", "core.askPass", "diff.external"),
    *("diff.x.command", "diff.x.textconv", "merge.x.driver", "gpg.program"),
    *("credential.helper", "core.alternateRefsCommand", "core.gitProxy"),
    *("interactive.diffFilter", "remote.origin.uploadpack", "sequence.editor"),
    *("uploadpack.packObjectsHook", "alias.log", "alias.add", "pager.log"),
)
HOOKS = (
    *("post-index-change", "pre-commit", "post-checkout", "reference-transaction"),
    *("pre-auto-gc", "pre-push", "fsmonitor-watchman", "post-commit"),
)
PLACES = ("config", "submodule", "included", "worktree config")


def git(root: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=n", "-c", "user.email=e", "-c", "commit.gpgsign=false")
    done = subprocess.run(
        ("git", *identity, *arguments),
        cwd=root,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


def commit(root: Path, message: str = "Change") -> None:
    git(root, "add", "--all")
    git(root, "commit", "-q", "--no-verify", "-m", message)


@pytest.fixture
def trap(tmp_path: Path) -> Path:
    """A program that says that it ran, and what it could see."""
    program = tmp_path / "trap"
    program.write_text(f"#!/bin/sh\nenv >> {tmp_path}/sprung\ncat\n")
    program.chmod(0o755)
    return program


def sprung(trap: Path) -> bool:
    return (trap.parent / "sprung").exists()


def project(root: Path) -> Path:
    """A repository with a submodule, whose attributes name the traps."""
    inner = root.parent / "inner"
    for place in (inner, root):
        place.mkdir(parents=True)
        git(place, "init", "-q")
        (place / "a.txt").write_text("one\n")
        (place / ".gitattributes").write_text("* filter=x diff=x merge=x\n")
        commit(place, "Begin")
    git(root, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(inner))
    commit(root, "Add a submodule")
    return root


def every_use(root: Path) -> None:
    """Each thing that the package does with a repository that an agent wrote."""
    repository = Repository.of(root)
    base = repository.head()
    now = repository.snapshot()
    repository.changes(base, now)
    repository.files(now)
    with repository.checked_out(now):
        pass
    read_history(root)
    trees = Trees(root / ".git", root)
    head = git(root, "-c", "core.hooksPath=/dev/null", "rev-parse", "HEAD")
    made = trees.commit(trees.tree(head), head, "Ours")
    trees.patch(head, made)


def spring(root: Path, trap: Path, key: str, place: str) -> None:
    subs = root / "inner"
    target = subs if place == "submodule" else root
    if place == "included":
        other = root.parent / "other.config"
        git(root, "config", "--file", str(other), key, str(trap))
        git(root, "config", "include.path", str(other))
    elif place == "worktree config":
        git(root, "config", "extensions.worktreeConfig", "true")
        git(root, "config", "--worktree", key, str(trap))
    else:
        git(target, "config", key, str(trap))
    (root / "a.txt").write_text("two\n")
    (subs / "a.txt").write_text("two\n")
    os.utime(subs / "a.txt", (1, 1))


@pytest.mark.parametrize("place", PLACES)
def test_no_setting_runs_a_program(tmp_path: Path, trap: Path, place: str) -> None:
    root = project(tmp_path / "root")
    for key in PROGRAMS:
        spring(root, trap, key, place)
    every_use(root)
    assert not sprung(trap)


def test_the_traps_would_catch_git_itself(tmp_path: Path, trap: Path) -> None:
    """Else the test above could not fail."""
    root = project(tmp_path / "root")
    spring(root, trap, "filter.x.clean", "submodule")
    git(root, "add", "--all")
    assert sprung(trap)


def test_no_hook_runs(tmp_path: Path, trap: Path) -> None:
    root = project(tmp_path / "root")
    for hook in HOOKS:
        (root / ".git" / "hooks" / hook).write_bytes(trap.read_bytes())
        (root / ".git" / "hooks" / hook).chmod(0o755)
    (root / "a.txt").write_text("two\n")
    every_use(root)
    assert not sprung(trap)


@pytest.mark.slow
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.lists(
        st.tuples(st.sampled_from(PROGRAMS), st.sampled_from(PLACES)),
        min_size=1,
        max_size=4,
    ),
    st.sampled_from(["* filter=x", "*.txt diff=x -text", "* text=auto eol=crlf ident"]),
)
def test_no_combination_runs_a_program(
    tmp_path_factory: pytest.TempPathFactory,
    chosen: list[tuple[str, str]],
    attributes: str,
) -> None:
    directory = tmp_path_factory.mktemp("combined")
    program = directory / "trap"
    program.write_text(f"#!/bin/sh\ntouch {directory}/sprung\ncat\n")
    program.chmod(0o755)
    root = project(directory / "root")
    for key, place in chosen:
        spring(root, program, key, place)
    (root / ".gitattributes").write_text(attributes + "\n")
    every_use(root)
    assert not sprung(program)


def test_a_tree_elsewhere_is_not_read(tmp_path: Path) -> None:
    """`core.worktree` would make git read another directory."""
    root = project(tmp_path / "root")
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "private").write_text("private\n")
    git(root, "config", "core.worktree", str(tmp_path / "home"))
    repository = Repository.of(root)
    assert "private" not in repository.files(repository.snapshot())


def test_a_command_without_network_sees_no_credential(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("GITHUB_TOKEN", "OPENAI_API_KEY", "SSH_AUTH_SOCK", "ANYTHING"):
        monkeypatch.setenv(name, "secret")
    assert "secret" not in Git().environment().values()
    assert Git(network=True).environment()["SSH_AUTH_SOCK"] == "secret"


@pytest.mark.parametrize(
    "url", ["ext::sh -c touch% {0}/ran", "https://x.invalid/", "git@x.invalid:a/b"]
)
def test_no_other_machine_is_asked_without_leave(tmp_path: Path, url: str) -> None:
    with pytest.raises(GitError, match="not allowed"):
        Git()("ls-remote", url.format(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_submodule_keeps_its_commit_and_other_changes_are_seen(
    tmp_path: Path,
) -> None:
    root = project(tmp_path / "root")
    (root / "new.txt").write_text("new\n")
    repository = Repository.of(root)
    changed = repository.changes(repository.head(), repository.snapshot())
    assert [(c.path, c.status) for c in changed] == [("new.txt", "A")]


def test_files_in_an_encoding_that_does_not_fit_are_taken_as_bytes(
    tmp_path: Path,
) -> None:
    """Finished work is delivered whatever `.gitattributes` say."""
    root = project(tmp_path / "root")
    head = git(root, "rev-parse", "HEAD")
    (root / ".gitattributes").write_text("*.txt working-tree-encoding=UTF-16\n")
    (root / "a.txt").write_text("paid work\n")
    with pytest.raises(subprocess.CalledProcessError):
        git(root, "add", "--all")
    trees = Trees(root / ".git", root)
    made = trees.commit(trees.tree(head), head, "Ours")
    assert b"+paid work" in trees.patch(head, made)


@pytest.mark.parametrize(
    "path", ["../out", "a/../../out", "/tmp/out", ".git/hooks/pre-commit", "link/out"]
)
def test_a_patch_writes_nothing_outside(tmp_path: Path, path: str) -> None:
    root = project(tmp_path / "root")
    (root / "link").symlink_to(tmp_path)
    patch = f"--- /dev/null\n+++ b/{path}\n@@ -0,0 +1 @@\n+evil\n".encode()
    with (
        over(root / ".git", root) as git_,
        pytest.raises(GitError, match="apply failed"),
    ):
        git_("apply", "-", given=patch)
    assert not (tmp_path / "out").exists()
    assert not (root / ".git" / "hooks" / "pre-commit").exists()


def test_pointers_of_large_files_go_in_and_out_as_they_are(
    tmp_path: Path, trap: Path
) -> None:
    """The filter of Git LFS is the user's: it may call for credentials."""
    root = project(tmp_path / "root")
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n"
    (root / "big.bin").write_text(pointer)
    commit(root)
    (root / ".gitattributes").write_text("*.bin filter=lfs diff=lfs -text\n")
    git(root, "config", "filter.lfs.clean", str(trap))
    git(root, "config", "filter.lfs.smudge", str(trap))
    repository = Repository.of(root)
    with repository.checked_out(repository.snapshot()) as copy:
        assert (copy / "big.bin").read_text() == pointer
    assert not sprung(trap)


def test_a_command_ends_when_the_run_does(tmp_path: Path) -> None:
    slow = tmp_path / "git"
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        since = time.monotonic()
        with pytest.raises(GitCancelled):
            Git(cancelled=lambda: True)("status")
        with pytest.raises(GitError, match="TimeoutExpired"):
            Git(seconds=0.2)("status")
    assert time.monotonic() - since < 30


def test_the_repository_of_a_linked_tree_is_found(tmp_path: Path) -> None:
    root = project(tmp_path / "root")
    git(root, "worktree", "add", "-q", str(tmp_path / "linked"))
    found = Found.around(tmp_path / "linked")
    assert found.common == (root / ".git").resolve()
    repository = Repository.of(tmp_path / "linked")
    assert "a.txt" in repository.files(repository.snapshot())


def test_sha256_and_line_ends_are_kept(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    git(root, "init", "-q", "--object-format=sha256")
    git(root, "config", "core.autocrlf", "input")
    (root / "a").write_bytes(b"one\r\n")
    with over(root / ".git", root) as ours:
        add_all(ours)
        tree = ours("write-tree")
        assert len(tree) == 64
        empty = ours("hash-object", "-w", "-t", "tree", "--stdin")
        assert "+one\n" in ours("diff", *DIFF, empty, tree) + "\n"
        assert ours.raw("show", f"{tree}:a") == b"one\n"
