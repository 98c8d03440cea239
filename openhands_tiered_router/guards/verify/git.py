"""What changed in a working tree, and what it was before, without touching it.

The state of the tree is written to the repository's object store through an index of
our own: nobody's index, branch, stash or file changes, and git's own housekeeping
removes the objects after two weeks.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from openhands_tiered_router.guards.verify import process


SECONDS: Final = 60.0
"""Time limit of one git command."""

_OUTPUT_BYTES: Final = 32_000_000
"""Of one git command; what differs by more is no change that tests could be chosen
for."""

_ADDED: Final = (0, 1)
"""Exit codes of ``git add --ignore-errors`` that leave an index with what it could
add."""

_HUNK: Final = re.compile(r"^@@ -\S+ \+(\d+)(?:,(\d+))? @@")


class GitError(Exception):
    """Git is missing, failed, or knows no repository here."""


@dataclass(frozen=True, slots=True)
class Changed:
    """A file that differs between two states of the tree."""

    path: str
    """POSIX, below the workspace."""
    status: str
    """``A``, ``M``, ``D`` or ``T``, as git names it."""
    lines: tuple[tuple[int, int], ...] = ()
    """First and last line of each changed place in the new state."""


@dataclass(frozen=True, slots=True)
class Repository:
    """The repository that a workspace is, or is part of."""

    workspace: Path
    top: Path
    """Directory of the whole working tree."""
    cancelled: Callable[[], bool] = lambda: False

    @classmethod
    def of(
        cls, workspace: Path, cancelled: Callable[[], bool] = lambda: False
    ) -> Repository:
        """The one around a directory.

        Raises:
            GitError: There is none.
        """
        found = cls(workspace, workspace, cancelled)._git(
            "rev-parse", "--show-toplevel"
        )
        return cls(workspace, Path(found.rstrip("\n")), cancelled)

    def snapshot(self) -> str:
        """The id of a git tree of all files as they are now, ignored ones left out."""
        with self._own_index() as variables:
            place = self._git("rev-parse", "--git-path", "index").rstrip("\n")
            index = self.top / place
            if index.is_file():
                # Its times of last change spare reading the files that are unchanged.
                shutil.copy2(index, variables["GIT_INDEX_FILE"])
            # A file that git cannot take stays as it was; the others are added.
            add = ("add", "--all", "--ignore-errors", ".")
            self._git(*add, variables=variables, good=_ADDED)
            return self._git("write-tree", variables=variables).strip()

    def head(self) -> str:
        """The id of the tree of the last commit; of the empty one if there is none."""
        try:
            return self._git("rev-parse", "--verify", "-q", "HEAD^{tree}").strip()
        except GitError:
            return self._git("hash-object", "-w", "-t", "tree", os.devnull).strip()

    def changes(self, before: str, after: str) -> tuple[Changed, ...]:
        """The files below the workspace that differ between two trees."""
        options = ("--no-renames", "--no-ext-diff", f"--relative={self._prefix}")
        named = self._git("diff", "--name-status", "-z", *options, before, after)
        words = named.split("\0")[:-1]
        text = self._git(
            "-c", "core.quotePath=off", "diff", "-U0", "--no-color", "--no-textconv",
            "--src-prefix=a/", "--dst-prefix=b/", *options, before, after,
        )  # fmt: skip
        places = _places(text)
        return tuple(
            Changed(path, status, tuple(places.get(path, ())))
            for status, path in zip(words[::2], words[1::2], strict=True)
        )

    def files(self, tree: str) -> list[str]:
        """The files of a tree below the workspace, by their paths below it."""
        place = f"{tree}:{self._prefix.rstrip('/')}"
        listed = self._git("ls-tree", "-r", "-z", "--name-only", place)
        return listed.split("\0")[:-1]

    @contextmanager
    def checked_out(self, tree: str) -> Iterator[Path]:
        """A throw-away copy of the workspace as it was in a tree."""
        with (
            tempfile.TemporaryDirectory(prefix="tiered-router-base-") as name,
            self._own_index() as variables,
        ):
            self._git("read-tree", tree, variables=variables)
            prefix = f"--prefix={name}{os.sep}"
            self._git("checkout-index", "-a", "-q", prefix, variables=variables)
            copy = Path(name).resolve() / self._prefix
            copy.mkdir(parents=True, exist_ok=True)
            yield copy

    @property
    def _prefix(self) -> str:
        inside = self.workspace.resolve().relative_to(self.top.resolve()).as_posix()
        return "" if inside == "." else f"{inside}/"

    @contextmanager
    def _own_index(self) -> Iterator[dict[str, str]]:
        with tempfile.TemporaryDirectory(prefix="tiered-router-") as name:
            yield {"GIT_INDEX_FILE": os.path.join(name, "index")}

    def _git(
        self,
        *arguments: str,
        variables: Mapping[str, str] | None = None,
        good: Collection[int] = (0,),
    ) -> str:
        # File system monitors and hooks are programs that a repository may name.
        safe = ("-c", "core.fsmonitor=false", "-c", f"core.hooksPath={os.devnull}")
        safe += ("-c", "core.safecrlf=false")  # else mixed line ends stop everything
        try:
            done = process.run(
                ["git", *safe, *arguments],
                self.top,
                seconds=SECONDS,
                cancelled=self.cancelled,
                variables={"GIT_OPTIONAL_LOCKS": "0", **(variables or {})},
                kept=_OUTPUT_BYTES,
                errors=False,
            )
        except OSError as error:
            raise GitError(type(error).__name__) from error
        if done.code not in good:
            raise GitError(f"git {arguments[0]} exited with {done.code}")
        if len(done.output) >= _OUTPUT_BYTES:
            raise GitError(f"git {arguments[0]} said more than can be read")
        return done.output


def _places(diff: str) -> dict[str, list[tuple[int, int]]]:
    """Line ranges in the new state, by path, read off a diff without context."""
    found: dict[str, list[tuple[int, int]]] = {}
    current: list[tuple[int, int]] = []
    in_header = False
    for line in diff.split("\n"):
        if line.startswith("diff --git "):
            in_header = True
            current = []
        elif in_header and line.startswith("+++ b/"):
            current = found.setdefault(line[6:].rstrip("\t"), [])
        elif match := _HUNK.match(line):
            in_header = False
            start, count = int(match[1]), int(match[2] or 1)
            # Lines that are gone leave a place between two others.
            current.append((max(start, 1), max(start + count - 1, start, 1)))
    return found
