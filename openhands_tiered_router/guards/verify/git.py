"""What changed in a working tree, and what it was before, without touching it.

The state of the tree is written to the repository's objects through an index and a git
directory of our own, see ``openhands_tiered_router.git``: nobody's index, branch, stash
or file changes, and no setting or filter of the repository is obeyed.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from openhands_tiered_router.git import (
    DIFF,
    Found,
    Git,
    GitCancelled,
    GitError,
    Span,
    add_all,
    hunks,
    over,
)
from openhands_tiered_router.guards.verify.process import Cancelled


SECONDS: Final = 60.0
"""Time limit of one git command."""

_OUTPUT_BYTES: Final = 32_000_000
"""Of one git command; a change that differs by more is too large to choose tests."""


@dataclass(frozen=True, slots=True)
class Changed:
    """A file that differs between two states of the tree."""

    path: str
    """POSIX, below the workspace."""
    status: str
    """``A``, ``M``, ``D`` or ``T``, as git names it."""
    lines: tuple[Span, ...] = ()
    """First and last line of each changed place in the new state."""


@dataclass(frozen=True, slots=True)
class Repository:
    """The repository that a workspace is, or is part of."""

    workspace: Path
    found: Found
    cancelled: Callable[[], bool] = lambda: False

    @classmethod
    def of(
        cls, workspace: Path, cancelled: Callable[[], bool] = lambda: False
    ) -> Repository:
        """The one around a directory.

        Raises:
            GitError: There is none.
        """
        return cls(workspace, Found.around(workspace), cancelled)

    def snapshot(self) -> str:
        """The id of a git tree of all files as they are now, ignored ones left out."""
        with self._git() as git:
            assert git.index is not None
            with suppress(OSError):
                # Its times of last change spare reading the files that are unchanged,
                # and it knows files that are both ignored and tracked.
                shutil.copy2(self.found.directory / "index", git.index)
            try:
                add_all(git)
            except GitError:  # an index that cannot be read, or is split
                git.index.unlink(missing_ok=True)
                git("read-tree", self.head())
                add_all(git)
            return git("write-tree")

    def head(self) -> str:
        """The id of the tree of the last commit; of the empty one if there is none."""
        # Reads references under the repository's own settings; it runs nothing.
        git = Git(self.found.directory, seconds=SECONDS)
        try:
            return git("rev-parse", "--verify", "-q", "HEAD^{tree}")
        except GitError:
            with self._git() as ours:
                return ours("hash-object", "-w", "-t", "tree", "--stdin")

    def changes(self, before: str, after: str) -> tuple[Changed, ...]:
        """The files below the workspace that differ between two trees."""
        options = (*DIFF, f"--relative={self._prefix}")
        with self._git() as git:
            named = _read(git, "diff", "--name-status", "-z", *options, before, after)
            diff = _raw(git, "diff", "-U0", *options, before, after)
        words = named.split("\0")[:-1]
        statuses = dict(zip(words[1::2], words[::2], strict=True))
        places: dict[str, list[Span]] = {path: [] for path in statuses}
        for path, span in hunks(diff):
            if statuses.get(path, "D") != "D":  # its places are in no file
                places[path].append(span)
        return tuple(Changed(p, s, tuple(places[p])) for p, s in statuses.items())

    def summary(self, before: str, after: str) -> str:
        """Git's ``--stat`` of what differs between two trees; empty: nothing."""
        return self.diff(before, after, "--stat=76").rstrip()

    def diff(self, before: str, after: str, *form: str) -> str:
        """What differs below the workspace between two trees, as a unified diff."""
        options = (*DIFF, f"--relative={self._prefix}", *form)
        with self._git() as git:
            return _read(git, "diff", *options, before, after)

    def files(self, tree: str) -> dict[str, str]:
        """The ids of a tree's files below the workspace, by their paths below it."""
        place = f"{tree}:{self._prefix.rstrip('/')}"
        with self._git() as git:
            listed = _read(git, "ls-tree", "-r", "-z", place)
        entries = (line.partition("\t") for line in listed.split("\0")[:-1])
        return {path: facts.rpartition(" ")[2] for facts, _, path in entries}

    def text(self, tree: str, path: str) -> str:
        """A file of a tree, by its path below the workspace."""
        with self._git() as git:
            return _read(git, "cat-file", "blob", f"{tree}:{self._prefix}{path}")

    @contextmanager
    def checked_out(self, tree: str) -> Iterator[Path]:
        """A throw-away copy of the workspace as it was in a tree."""
        with tempfile.TemporaryDirectory(prefix="tiered-router-base-") as name:
            place = Path(name).resolve()
            with self._git(place) as git:
                git("read-tree", tree)
                git("checkout-index", "-a", "-q")
            copy = place / self._prefix
            copy.mkdir(parents=True, exist_ok=True)
            yield copy

    @property
    def _prefix(self) -> str:
        inside = self.workspace.resolve().relative_to(self.found.top).as_posix()
        return "" if inside == "." else f"{inside}/"

    @contextmanager
    def _git(self, tree: Path | None = None) -> Iterator[Git]:
        like = Git(cancelled=self.cancelled, seconds=SECONDS)
        try:
            with over(self.found.directory, tree or self.found.top, like) as git:
                yield git
        except GitCancelled:
            raise Cancelled from None


def _read(git: Git, command: str, *arguments: str) -> str:
    return _raw(git, command, *arguments).decode(errors="replace")


def _raw(git: Git, command: str, *arguments: str) -> bytes:
    output = git.raw(command, *arguments)
    if len(output) > _OUTPUT_BYTES:
        raise GitError(f"git {command} said more than can be read")
    return output
