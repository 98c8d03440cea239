"""What the code graph says of each issue, at the commit that it was reported on."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from openhands_tiered_router.policy.difficulty.dimensions import GraphFacts
from openhands_tiered_router.policy.difficulty.graph_facts import graph_facts
from openhands_tiered_router.policy.difficulty.text import user_text
from openhands_tiered_router.record.calibrate.samples import IssueSample


def find_commits(clones: Path, commits: Iterable[str]) -> dict[str, Path]:
    """Which git directory below ``clones`` holds each commit.

    Args:
        clones: Directory of clones, bare or with a work tree, at most two levels deep.
        commits: Full hashes.
    """
    wanted = "\n".join(sorted(set(commits)))
    where: dict[str, Path] = {}
    for git_dir in _git_dirs(clones):
        answer = _git(git_dir, "cat-file", "--batch-check", stdin=wanted)
        for line in answer.splitlines():
            commit, kind, *_ = line.split()
            if kind == "commit":
                where.setdefault(commit, git_dir)
    return where


def _git_dirs(clones: Path) -> list[Path]:
    candidates = [clones, *clones.glob("*"), *clones.glob("*/*")]
    inner = [path / ".git" if (path / ".git").is_dir() else path for path in candidates]
    return sorted(
        {p for p in inner if (p / "objects").is_dir() and (p / "HEAD").is_file()}
    )


def graphs_of(
    samples: Sequence[IssueSample],
    clones: Path,
    report: Callable[[str], None],
) -> dict[str, GraphFacts]:
    """Checks out each issue's commit, builds its graph and asks it about the text.

    One work tree a repository, so that only what changed is read again; nothing is
    written into the clones.

    Args:
        samples: The issues.
        clones: Where to look for their commits; see `find_commits`.
        report: Called with each issue's id before its graph is built.

    Returns:
        By issue id; without those whose commit no clone holds.
    """
    found: dict[str, GraphFacts] = {}
    where = find_commits(clones, (s.commit for s in samples))
    for git_dir in sorted(set(where.values())):
        mine = [s for s in samples if where.get(s.commit) == git_dir]
        with TemporaryDirectory(prefix="calibrate-") as scratch:
            checkout = _Checkout(git_dir, Path(scratch))
            for sample in sorted(mine, key=lambda s: s.id):
                report(sample.id)
                facts = checkout.ask(sample)
                if facts is not None:
                    found[sample.id] = facts
    return found


class _Checkout:
    """A work tree that goes from commit to commit, and its graph that follows."""

    def __init__(self, git_dir: Path, scratch: Path) -> None:
        # The graph brings networkx along: 0.2 s that no other calibration needs.
        from openhands_tiered_router.graph.refresh import Refresher
        from openhands_tiered_router.graph.signals import GraphSignals

        self._git_dir = git_dir
        self._index = scratch / "index"
        self._tree = scratch / "tree"
        self._tree.mkdir()
        self._refresher = Refresher(self._tree, persistent=False)
        self._signals = GraphSignals()

    def ask(self, sample: IssueSample) -> GraphFacts | None:
        self._check_out(sample.commit)
        if self._refresher.writer is None:
            self._refresher.start()
        else:
            self._refresher.refresh()
        writer = self._refresher.writer
        assert writer is not None  # `start` has made it
        self._signals.update(writer.graph)
        text = user_text(sample.text).text
        answer = self._signals.task_signals(text)
        return graph_facts(answer, text) if answer else None

    def _check_out(self, commit: str) -> None:
        # `read-tree` with an index of our own leaves the clone's HEAD and index alone.
        tree, reset = ("--work-tree", str(self._tree)), ("read-tree", "--reset")
        try:
            _git(self._git_dir, *tree, *reset, "-u", commit, index=self._index)
        except subprocess.CalledProcessError:
            # A partial clone lacks some large files: git has written all others by
            # then, but not the index. An unknown commit fails again.
            _git(self._git_dir, *tree, *reset, commit, index=self._index)


def _git(
    git_dir: Path, *arguments: str, stdin: str = "", index: Path | None = None
) -> str:
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C.UTF-8"}
    if index is not None:
        environment["GIT_INDEX_FILE"] = str(index)
    done = subprocess.run(
        ["git", "--git-dir", str(git_dir), *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    return done.stdout
