"""A directory as git trees of a git directory that only we write to.

No setting, hook or filter that an agent may have put beside its files is obeyed.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from openhands_tiered_router.resolver.errors import ResolveError
from openhands_tiered_router.resolver.git import Git


_GITLINK: Final = "160000"
_ADDED: Final = (0, 1)
"""Exit codes of ``git add --ignore-errors`` that leave an index with what it could
add."""

_REMAINS: Final = (
    "__pycache__/", "*.py[co]", ".pytest_cache/", ".mypy_cache/", ".ruff_cache/",
    ".hypothesis/", ".coverage", ".venv/", "node_modules/", ".DS_Store",
)  # fmt: skip
"""What running a project leaves behind, for repositories that do not ignore it
themselves; files of these names that are committed stay."""


@dataclass(frozen=True, slots=True)
class Trees:
    """Makes trees and commits; touches neither index nor branches."""

    git_dir: Path
    directory: Path

    @property
    def git(self) -> Git:
        return Git(self.git_dir)

    def tree(self, base: str) -> str:
        """The id of a git tree of the files as they are now, ignored ones left out."""
        with self._index() as git:
            git("read-tree", *([base] if base else ["--empty"]))
            # What git cannot take, such as a repository without a commit, stays out.
            git.raw("add", "--all", "--ignore-errors", "--", ".", good=_ADDED)
            self._drop_new_repositories(git, base)
            return git("write-tree")

    def _drop_new_repositories(self, git: Git, base: str) -> None:
        """Repositories that were cloned into the copy are no part of the change."""
        if not base:
            return
        changes = git("diff-index", "--cached", "--raw", "-z", base).split("\0")
        for head, path in zip(changes[::2], changes[1::2], strict=False):
            old, new = head.lstrip(":").split()[:2]
            if new == _GITLINK and old != _GITLINK:
                git("update-index", "--force-remove", "--", path)

    @contextmanager
    def _index(self) -> Iterator[Git]:
        with tempfile.TemporaryDirectory(prefix="tiered-router-") as name:
            excluded = Path(name) / "exclude"
            excluded.write_text("\n".join(_REMAINS), encoding="utf-8")
            settings = {"core.excludesFile": str(excluded)}
            yield Git(self.git_dir, self.directory, Path(name) / "index", settings)

    def commit(self, tree: str, parent: str, message: str) -> str:
        """A commit of a tree; on no branch yet."""
        parents = ["-p", parent] if parent else []
        identity = self._identity()
        names = ("user.name", "user.email")
        git = Git(self.git_dir, settings=dict(zip(names, identity, strict=True)))
        return git("commit-tree", *parents, tree, given=message.encode())

    def _identity(self) -> tuple[str, str]:
        """The user's own name and address, if git knows them."""
        with suppress(ResolveError):
            return self.git("config", "user.name"), self.git("config", "user.email")
        return "tiered-router", "tiered-router@localhost"

    def patch(self, base: str, commit: str) -> bytes:
        """The change, for ``git apply``; binary files included."""
        options = ("--binary", "--full-index", "--no-ext-diff", "--no-textconv")
        prefixes = ("--src-prefix=a/", "--dst-prefix=b/", "--no-color", "--no-renames")
        return self.git.raw("diff", *options, *prefixes, base, commit)
