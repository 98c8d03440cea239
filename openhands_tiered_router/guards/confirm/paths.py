"""Which files may be read without anybody being asked.

Paths are resolved on the file system: links, ``..``, what a glob stands for.
"""

from __future__ import annotations

import glob as globs
import os
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from pathlib import PurePosixPath
from typing import Final

from openhands_tiered_router.guards.confirm.secret_files import (
    is_secret,
    may_match_secret,
)


_MOST: Final = 20_000
"""Files that are looked at below a directory, or for a glob; with more, it asks."""


class Place(StrEnum):
    """Where a path leads."""

    INSIDE = "inside the workspace"
    OUTSIDE = "outside the workspace"
    SECRET = "a file that holds secrets"
    OBEYED = "a file that programs obey"


class Word(str):
    """What bash passes to a program, or a glob that it replaces by names."""

    glob = quoted = False
    number = False
    """The last exit code is in it."""


@dataclass(frozen=True, slots=True)
class Places:
    """The directories of a conversation."""

    workspace: str
    """Absolute path."""
    readable: tuple[str, ...] = ()
    """Further directories that may be read."""
    cwd: str | None = None
    """Where the shell is; ``None``: where it began, at the top of the workspace."""

    @property
    def here(self) -> str:
        return os.path.realpath(self.cwd or self.workspace)

    def above(self) -> list[str]:
        """The shell's directory and those around it, from the nearest on."""
        here = PurePosixPath(self.here)
        return [str(here), *map(str, here.parents)]

    def read(self, path: str, *, glob: bool = False) -> Place:
        """Where reading ``path``, as the shell would find it, leads."""
        if is_secret(path) or (glob and may_match_secret(path)):
            return Place.SECRET
        if path.startswith("~") or "\0" in path or (glob and ".." in path):
            return Place.OUTSIDE
        real = os.path.realpath(os.path.join(self.here, path))
        for root in map(os.path.realpath, (self.workspace, *self.readable)):
            if is_within(real, root):
                secret = is_secret(os.path.relpath(real, root))
                return Place.SECRET if secret else Place.INSIDE
        return Place.SECRET if is_secret(real) else Place.OUTSIDE

    def expanded(self, word: Word) -> list[str]:
        """What bash makes of a word: the names that a glob stands for, and itself."""
        if not word.glob:
            return [word]
        if ".." in word:
            return [word, ".."]
        found = list(islice(globs.iglob(word, root_dir=self.here), _MOST))
        return [*found, word] if len(found) < _MOST else [".."]

    def holds_secret(
        self, path: str, *, hidden: bool = True, follows: bool = False
    ) -> bool:
        """Whether a search through all of a directory may read a secret file.

        ``follows``: links in it are read, too; any may lead to one.
        """
        top = os.path.join(self.here, path)
        for count, name in enumerate(_below(top, hidden)):
            link = follows and os.path.islink(os.path.join(top, name))
            if link or is_secret(name) or count > _MOST:
                return True
        return False


def _below(top: str, hidden: bool) -> Iterator[str]:
    """Names of files, and of links to directories, below a directory."""
    for folder, folders, files in os.walk(top):
        links = [name for name in folders if os.path.islink(f"{folder}/{name}")]
        folders[:] = [f for f in folders if f != ".git" and (hidden or f[0] != ".")]
        for name in [*links, *files]:
            # A hidden one counts, so that the number of them is bounded.
            shown = hidden or name[0] != "."
            yield os.path.relpath(f"{folder}/{name}", top) if shown else ""


def is_within(path: str, root: str) -> bool:
    """Not so for the top of the file system: all secrets of the system are below."""
    return root != "/" and (path == root or path.startswith(root.rstrip("/") + "/"))
