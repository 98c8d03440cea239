"""A directory as git trees of a git directory; reads what agents left in it.

No setting, hook, filter or attribute that an agent may have put beside its files is
obeyed; see ``git.over``.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from openhands_tiered_router.git import (
    DIFF,
    Git,
    add_all,
    drop_new_repositories,
    over,
)
from openhands_tiered_router.resolver.errors import ResolveError


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
        return Git(self.git_dir, failure=ResolveError)

    def tree(self, base: str) -> str:
        """The id of a git tree of the files as they are now, ignored ones left out."""
        with over(self.git_dir, self.directory, like=self.git) as git:
            assert git.directory is not None
            with (git.directory / "info" / "exclude").open("a", encoding="utf-8") as f:
                f.write("\n".join(("", *_REMAINS, "")))
            git("read-tree", *([base] if base else ["--empty"]))
            add_all(git)
            if base:
                drop_new_repositories(git, base)
            return git("write-tree")

    def commit(self, tree: str, parent: str, message: str) -> str:
        """A commit of a tree; on no branch yet."""
        parents = ["-p", parent] if parent else []
        name, address = self._identity()
        identity = {"user.name": name, "user.email": address}
        git = Git(self.git_dir, settings=identity, failure=ResolveError)
        return git("commit-tree", *parents, tree, given=message.encode())

    def _identity(self) -> tuple[str, str]:
        """The user's own name and address, if git knows them."""
        git = Git(self.git_dir, network=True, failure=ResolveError)
        with suppress(ResolveError):
            return git("config", "user.name"), git("config", "user.email")
        return "tiered-router", "tiered-router@localhost"

    def patch(self, base: str, commit: str) -> bytes:
        """The change, for ``git apply``; binary files included."""
        with over(self.git_dir, like=self.git) as git:
            return git.raw("diff", "--binary", "--full-index", *DIFF, base, commit)
