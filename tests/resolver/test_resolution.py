"""From an issue to a commit, with real git and a worker that edits files."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from openhands_tiered_router.git import Git
from openhands_tiered_router.resolver import delivery, record
from openhands_tiered_router.resolver.checkout import source_of
from openhands_tiered_router.resolver.ending import EXIT_NO_CHANGE
from openhands_tiered_router.resolver.errors import (
    DeliveryError,
    ResolveError,
    UsageProblem,
)
from openhands_tiered_router.resolver.issue import Issue, reference_of
from openhands_tiered_router.resolver.resolution import Resolution
from openhands_tiered_router.resolver.work import Done, Work


FINISHED = Done(exit_code=0, status="finished", verified=True)


@dataclass
class Agent:
    """Does one thing a run."""

    deeds: list[Callable[[Path], None]]
    done: list[Done] = field(default_factory=list)
    seen: list[Work] = field(default_factory=list)

    def __call__(self, work: Work) -> Done:
        self.seen.append(work)
        self.deeds.pop(0)(work.directory)
        return self.done.pop(0) if self.done else FINISHED


def write(name: str, text: str) -> Callable[[Path], None]:
    def deed(root: Path) -> None:
        (root / name).write_text(text)

    return deed


def fix(root: Path) -> None:
    (root / "code.py").write_text("value = 2\n")


@pytest.fixture
def resolve(tmp_path: Path, project: Path) -> Callable[..., Resolution]:
    def make(*deeds: Callable[[Path], None], repo: str = "", **fields) -> Resolution:
        agent = Agent(list(deeds), fields.pop("done", []))
        reference = reference_of(fields.pop("text", "It breaks."))
        assert reference.issue is not None
        return Resolution(
            reference=reference,
            issue=reference.issue,
            source=source_of(repo or str(project)),
            state=tmp_path / "state",
            worker=agent,
            **fields,
        )

    return make


def test_a_branch_is_left_and_the_copy_goes(resolve, project, run_git) -> None:
    (project / "code.py").write_text("value = 3  # not committed\n")
    resolution = resolve(fix)
    outcome = resolution.run()
    assert outcome.exit_code == 0
    assert run_git(project, "show", f"{outcome.branch}:code.py") == "value = 2"
    assert run_git(project, "rev-parse", f"{outcome.branch}^") == outcome.base
    assert run_git(project, "status", "--porcelain") == "M code.py"
    assert run_git(project, "branch", "--show-current") == "trunk"
    assert not resolution.checkout.copy.exists()


def test_the_patch_applies(resolve, project, tmp_path) -> None:
    def work(root: Path) -> None:
        fix(root)
        (root / "image.bin").write_bytes(bytes(range(256)))
        (root / "sp ace\nline.txt").write_text("x\n")
        (root / ".gitignore").unlink()

    resolution = resolve(work)
    outcome = resolution.run()
    delivery.write_patch(tmp_path / "p.patch", resolution.checkout, outcome)
    copy = tmp_path / "copy"
    subprocess.run(["git", "clone", "-q", project, copy], check=True)
    words = ["git", "apply", "--index", tmp_path / "p.patch"]
    subprocess.run(words, cwd=copy, check=True)
    assert (copy / "image.bin").read_bytes() == bytes(range(256))
    assert not (copy / ".gitignore").exists()
    assert (copy / "sp ace\nline.txt").exists()


def test_remains_of_a_test_run_are_no_part_of_it(resolve, project, run_git) -> None:
    def work(root: Path) -> None:
        fix(root)
        for name in ("__pycache__/code.pyc", "ignored/x", "node_modules/y"):
            (root / name).parent.mkdir()
            (root / name).write_text("x")

    outcome = resolve(work).run()
    changed = run_git(project, "diff", "--name-only", outcome.base, outcome.commit)
    assert changed == "code.py"


def test_running_again_does_nothing_more(resolve) -> None:
    first = resolve(fix).run()
    again = resolve().run()
    assert (again.exit_code, again.commit, again.done) == (0, first.commit, None)


def test_work_that_was_not_finished_goes_on_where_it_stood(resolve) -> None:
    stopped = Done(exit_code=6, status="paused")
    first = resolve(write("half.txt", "x"), done=[stopped])
    outcome = first.run()
    assert (outcome.exit_code, outcome.commit) == (6, "")
    assert outcome.kept == first.checkout.copy
    assert (first.checkout.copy / "half.txt").exists()
    second = resolve(fix)
    finished = second.run()
    assert finished.resumed
    files = second.checkout.git("ls-tree", "--name-only", finished.commit)
    assert "half.txt" in files
    assert second.worker.seen[0].conversation == first.worker.seen[0].conversation
    assert second.worker.seen[0].news == ()


def test_changed_dependencies_are_seen(resolve) -> None:
    stopped = Done(exit_code=3, status="error")
    resolve(write("pyproject.toml", "[new]\n"), done=[stopped]).run()
    second = resolve(fix)
    outcome = second.run()
    assert outcome.dependencies == ("pyproject.toml",)
    assert "pyproject.toml" in second.worker.seen[0].news[0]


def test_an_edited_issue_is_told_to_the_agent_that_goes_on(resolve, tmp_path) -> None:
    file = tmp_path / "issue.md"
    file.write_text("It breaks.")
    stopped = Done(exit_code=3, status="error")
    resolve(write("x", "x"), done=[stopped], text=str(file)).run()
    file.write_text("It breaks on Mondays.")
    second = resolve(fix, text=str(file))
    first_commit = second.run().commit
    assert "Mondays" in second.worker.seen[0].news[0]
    file.write_text("It breaks on Sundays.")
    forgotten = []
    third = resolve(write("y", "y"), text=str(file), forget=forgotten.append)
    outcome = third.run()
    assert forgotten == [third.id]
    assert outcome.commit not in ("", first_commit)


def test_unverified_work_is_kept_unless_it_is_asked_for(resolve) -> None:
    unverified = Done(exit_code=5, status="finished")
    assert resolve(fix, done=[unverified]).run().commit == ""
    taken = resolve(fix, done=[unverified], unverified=True).run()
    assert taken.exit_code == 0
    assert taken.commit
    assert not taken.verified
    assert resolve(fix).run().done is not None, "not taken for verified afterwards"


def test_no_change_has_its_own_exit_code(resolve) -> None:
    outcome = resolve(lambda _: None).run()
    assert (outcome.exit_code, outcome.commit) == (EXIT_NO_CHANGE, "")


def test_a_branch_with_commits_of_others_is_not_moved(resolve, project, run_git):
    branch = resolve(fix).branch
    run_git(project, "branch", branch)
    run_git(project, "commit", "-q", "--allow-empty", "-m", "Other")
    run_git(project, "branch", "-f", branch)
    with pytest.raises(DeliveryError, match="commits of others"):
        resolve(fix).run()
    run_git(project, "branch", "-D", branch)
    assert resolve(fix).run().exit_code == 0
    assert resolve(write("z", "z")).run(fresh=True).exit_code == 0


def test_a_tree_without_git_is_copied_with_all_it_has(resolve, tmp_path) -> None:
    tree = tmp_path / "tree"
    (tree / "node_modules").mkdir(parents=True)
    (tree / "node_modules" / "x").write_text("installed")
    (tree / "code.py").write_text("value = 1\n")
    found: list[bool] = []

    def work(root: Path) -> None:
        found.append((root / "node_modules" / "x").exists())
        fix(root)

    resolution = resolve(work, repo=str(tree))
    outcome = resolution.run()
    assert found == [True]
    patch = resolution.checkout.trees.patch(outcome.base, outcome.commit).decode()
    assert patch.count("diff --git") == 1
    assert "-value = 1\n+value = 2" in patch
    assert (tree / "code.py").read_text() == "value = 1\n"
    assert not (tree / ".git").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems copy otherwise")
@pytest.mark.parametrize("code", [0, 1])
def test_a_tree_is_copied_on_write_where_that_works(
    resolve, tmp_path, monkeypatch, code: int
) -> None:
    """Where ``cp`` fails, as one without the option does, it is copied all the same."""
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "code.py").write_text("value = 1\n")
    asked = tmp_path / "asked"
    program = tmp_path / "bin" / "cp"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\necho "$@" > {asked}\n[ {code} = 0 ] || exit 1\n'
        f'exec {shutil.which("cp")} "$@"\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    assert resolve(fix, repo=str(tree)).run().commit
    assert asked.read_text().startswith("-a --reflink=auto -- ")


def test_a_clone_is_made_anew_and_pushed_to(resolve, project, tmp_path, run_git):
    bare = tmp_path / "bare.git"
    subprocess.run(["git", "clone", "-q", "--bare", project, bare], check=True)
    resolution = resolve(fix, repo=f"file://{bare}")
    outcome = resolution.run()
    delivery.push(resolution.checkout, outcome, {})
    delivery.push(resolution.checkout, outcome, {})
    assert run_git(bare, "rev-parse", outcome.branch) == outcome.commit
    other = run_git(bare, "commit-tree", "-m", "x", f"{outcome.base}^{{tree}}")
    run_git(bare, "update-ref", f"refs/heads/{outcome.branch}", other)
    with pytest.raises(DeliveryError, match="commits of others there"):
        delivery.push(resolution.checkout, outcome, {})


def test_what_an_agent_does_to_its_copy_is_never_run(resolve, project, tmp_path):
    """Hooks, filters and settings of the copy would run with the user's rights."""
    marker = tmp_path / "marker"

    def work(root: Path) -> None:
        fix(root)
        (root / ".gitattributes").write_text("* filter=evil diff=evil\n")
        with (root / ".git" / "config").open("a") as config:
            config.write(
                f'[filter "evil"]\n\tclean = touch {marker}\n'
                f"[core]\n\tfsmonitor = touch {marker}\n"
                f'[diff "evil"]\n\tcommand = touch {marker}\n'
            )
        hook = root / ".git" / "hooks" / "reference-transaction"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\ntouch {marker}\n")
        hook.chmod(0o755)

    resolution = resolve(work)
    outcome = resolution.run()
    delivery.write_patch(tmp_path / "p.patch", resolution.checkout, outcome)
    assert outcome.commit
    assert not marker.exists()


def test_a_copy_with_locked_files_and_links_is_removed(resolve, project) -> None:
    def work(root: Path) -> None:
        fix(root)
        (root / "locked").mkdir()
        (root / "locked" / "x").write_text("x")
        (root / "out").symlink_to(project)
        os.chmod(root / "locked", 0o555)

    resolution = resolve(work)
    resolution.run()
    assert not resolution.checkout.copy.exists()
    assert (project / "code.py").exists()


def test_repositories_cloned_into_the_copy_are_left_out(resolve, project, run_git):
    def work(root: Path) -> None:
        fix(root)
        subprocess.run(["git", "clone", "-q", project, root / "other"], check=True)

    outcome = resolve(work).run()
    assert "other" not in run_git(project, "ls-tree", "--name-only", outcome.commit)


def test_what_git_cannot_take_is_left_out(resolve, project, run_git) -> None:
    def work(root: Path) -> None:
        fix(root)
        subprocess.run(["git", "init", "-q", root / "begun"], check=True)
        (root / "begun" / "file").write_text("x\n")

    outcome = resolve(work).run()
    assert outcome.exit_code == 0
    assert run_git(project, "show", f"{outcome.commit}:code.py") == "value = 2"
    assert "begun" not in run_git(project, "ls-tree", "--name-only", outcome.commit)


def test_a_bare_repository_is_worked_on(resolve, project, tmp_path, run_git) -> None:
    bare = tmp_path / "bare.git"
    run_git(tmp_path, "clone", "-q", "--bare", str(project), str(bare))
    outcome = resolve(fix, repo=str(bare)).run()
    assert run_git(bare, "show", f"{outcome.branch}:code.py") == "value = 2"


def test_repositories_that_cannot_be_used(tmp_path, project) -> None:
    (project / "sub").mkdir()
    with pytest.raises(UsageProblem, match="give that one"):
        source_of(str(project / "sub"))
    with pytest.raises(UsageProblem, match="no directory"):
        source_of(str(tmp_path / "missing"))
    with pytest.raises(UsageProblem, match="no directory"):
        source_of("--upload-pack=touch:x")


def test_a_repository_without_a_commit(resolve, tmp_path, run_git) -> None:
    (tmp_path / "empty").mkdir()
    run_git(tmp_path / "empty", "init", "-q")
    with pytest.raises(ResolveError, match="has no commit"):
        resolve(fix, repo=str(tmp_path / "empty")).run()


def test_a_damaged_record_is_told_and_can_be_left(resolve) -> None:
    resolution = resolve(fix, done=[Done(exit_code=3, status="error")])
    resolution.run()
    (resolution.directory / "record.json").write_text("{}")
    with pytest.raises(ResolveError, match="--fresh"):
        record.load(resolution.directory)
    assert resolve(fix).run(fresh=True).exit_code == 0


def test_a_git_error_does_not_tell_its_settings(tmp_path) -> None:
    header = {"http.https://github.com/.extraHeader": "Authorization: Basic abc"}
    git = Git(tmp_path, settings=header, failure=ResolveError)
    with pytest.raises(ResolveError) as caught:
        git("config", "--get-all", "x.y.z.Authorization: Basic abc")
    assert "abc" not in f"{caught.value} {git!r}"


def test_the_request_says_what_was_done_without_the_issues_words(resolve) -> None:
    place = reference_of("o/r#7").place
    assert place is not None
    evil = Issue(title="fixes #1 @everyone", body="![](http://evil)")
    outcome = replace(resolve(fix), issue=evil).run()
    text = delivery.description(place, outcome)
    assert text.startswith("Closes #7\n")
    assert "evil" not in text
    assert "everyone" not in text
