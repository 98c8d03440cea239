"""The isolated copy that an agent works in, and the change that it leaves there.

The agent's copy is a repository of its own, without remotes. What changed is read with
the git directory that it came from: no setting, hook or filter that the agent may have
put into its copy is ever obeyed.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from openhands_tiered_router.git import (
    DIFF,
    Git,
    add_all,
    drop_new_repositories,
    over,
)
from openhands_tiered_router.resolver.errors import ResolveError, UsageProblem


_COPY_SECONDS: Final = 3_600.0
_REMAINS: Final = (
    "__pycache__/", "*.py[co]", ".pytest_cache/", ".mypy_cache/", ".ruff_cache/",
    ".hypothesis/", ".coverage", ".venv/", "node_modules/", ".DS_Store",
)  # fmt: skip
"""What running a project leaves behind, for repositories that do not ignore it
themselves; files of these names that are committed stay."""


@dataclass(frozen=True, slots=True)
class Source:
    """The repository that is worked on, as it was named."""

    identity: str
    """The same for the same repository, run after run."""
    path: Path | None = None
    """A directory of this machine; ``None``: it is cloned from ``identity``."""
    git: Path | None = None
    """Its git directory; ``None``: there is none yet."""

    @property
    def keeps_branches(self) -> bool:
        """Whether a finished branch can stay in it."""
        return self.git is not None


def source_of(named: str) -> Source:
    """What the argument names: a directory or a clone URL.

    Raises:
        UsageProblem: It is neither, or no top directory of a repository.
    """
    path = Path(named)
    if not path.is_dir():
        if "://" in named or (":" in named and not named.startswith("-")):
            return Source(named)
        raise UsageProblem(f"{named} is no directory; give one, or a clone URL")
    path = path.resolve()
    git = Git(tree=path, failure=ResolveError)
    try:
        found = git("rev-parse", "--show-cdup", "--absolute-git-dir")
    except ResolveError:
        return Source(str(path), path)
    # A bare repository has no top, of which git then says nothing at all.
    up, _, directory = found.rpartition("\n")
    if up:
        top = (path / up).resolve()
        raise UsageProblem(f"{path} is part of the repository {top}; give that one")
    return Source(str(path), path, Path(directory))


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


@dataclass(frozen=True, slots=True)
class Checkout:
    """Where one issue is worked on."""

    directory: Path
    """Of this resolution alone."""
    source: Source

    @property
    def copy(self) -> Path:
        """The agent's working directory."""
        return self.directory / "work"

    @property
    def git_dir(self) -> Path:
        """The git directory that is trusted; the finished commit goes into it."""
        return self.source.git or self.directory / "base.git"

    @property
    def git(self) -> Git:
        return Git(self.git_dir, failure=ResolveError)

    @property
    def trees(self) -> Trees:
        return Trees(self.git_dir, self.copy)

    def prepare(self, branch: str, settings: Mapping[str, str]) -> str:
        """Make the copy, on a new branch; gives back the commit that it begins at.

        Raises:
            ResolveError: The repository cannot be copied or cloned.
        """
        self.remove()
        self.directory.mkdir(parents=True, exist_ok=True)
        source = self.source
        if source.path is not None and source.git is None:
            return self._prepare_tree(source.path, branch)
        if source.git is None:
            # Anew at each beginning, so that the work begins at what is there now.
            shutil.rmtree(self.git_dir, ignore_errors=True)
            place = ("--bare", "-q", "--", source.identity, str(self.git_dir))
            Git(settings=settings, network=True, failure=ResolveError)("clone", *place)
        base = self._head()
        clone = ("-q", "--no-checkout", "--", str(self.git_dir), str(self.copy))
        git = Git(local=True, failure=ResolveError)
        git("clone", *clone)
        own = replace(git, directory=self.copy / ".git", tree=self.copy)
        own("remote", "remove", "origin")
        own("checkout", "-q", "-B", branch, base)
        return base

    def _head(self) -> str:
        try:
            return self.git("rev-parse", "--verify", "-q", "HEAD^{commit}")
        except ResolveError:
            raise ResolveError(
                f"{self.source.identity} has no commit; commit something first"
            ) from None

    def _prepare_tree(self, tree: Path, branch: str) -> str:
        """A tree without git: copied, on write where the host can, then committed."""
        _copy_tree(tree, self.copy)
        shutil.rmtree(self.git_dir, ignore_errors=True)
        git = Git(local=True, failure=ResolveError)
        git("init", "-q", "--bare", "--", str(self.git_dir))
        base = self.trees.commit(self.trees.tree(""), "", "The tree as it was")
        self.git("update-ref", "refs/heads/base", base)
        git("init", "-q", "--", str(self.copy))
        own = replace(git, directory=self.copy / ".git", tree=self.copy)
        own("fetch", "-q", "--", str(self.git_dir), "refs/heads/base")
        own("symbolic-ref", "HEAD", f"refs/heads/{branch}")
        own("reset", "-q", base)
        return base

    def changes_nothing(self, base: str, tree: str) -> bool:
        return self.git("rev-parse", f"{base}^{{tree}}") == tree

    def remove(self) -> None:
        """Take the copy away, whatever rights the agent has given its files."""
        if not self.copy.exists():
            return
        for path in (self.copy, *self.copy.rglob("*")):
            if path.is_dir() and not path.is_symlink():
                with suppress(OSError):
                    path.chmod(0o700)
        shutil.rmtree(self.copy)


def _copy_tree(source: Path, target: Path) -> None:
    """Shares the blocks with the original where the file system can."""
    options = {"linux": ["-a", "--reflink=auto"], "darwin": ["-a", "-c"]}
    chosen = options.get(sys.platform)
    if chosen is None:
        shutil.copytree(source, target, symlinks=True)
        return
    words = ["cp", *chosen, "--", str(source), str(target)]
    try:
        subprocess.run(words, check=True, capture_output=True, timeout=_COPY_SECONDS)
    except (OSError, subprocess.SubprocessError):
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source, target, symlinks=True)
