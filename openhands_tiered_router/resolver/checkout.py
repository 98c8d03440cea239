"""The isolated copy that an agent works in, and the change that it leaves there.

The agent's copy is a repository of its own, without remotes. What changed is read with
the git directory that it came from: no setting, hook or filter that the agent may have
put into its copy is ever obeyed.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from openhands_tiered_router.resolver.errors import ResolveError, UsageProblem
from openhands_tiered_router.resolver.git import Git


_GITLINK: Final = "160000"
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
    try:
        found = Git(tree=path)("rev-parse", "--show-cdup", "--absolute-git-dir")
    except ResolveError:
        return Source(str(path), path)
    up, directory = found.split("\n", 1)
    if up:
        top = (path / up).resolve()
        raise UsageProblem(f"{path} is part of the repository {top}; give that one")
    return Source(str(path), path, Path(directory))


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
        return Git(self.git_dir)

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
            Git(settings=settings)("clone", *place)
        base = self._head()
        clone = ("-q", "--no-checkout", "--", str(self.git_dir), str(self.copy))
        Git()("clone", *clone)
        own = Git(self.copy / ".git", self.copy)
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
        Git()("init", "-q", "--bare", "--", str(self.git_dir))
        base = self.commit(self.tree(""), "", "The tree as it was")
        self.git("update-ref", "refs/heads/base", base)
        Git()("init", "-q", "--", str(self.copy))
        own = Git(self.copy / ".git", self.copy)
        own("fetch", "-q", "--", str(self.git_dir), "refs/heads/base")
        own("symbolic-ref", "HEAD", f"refs/heads/{branch}")
        own("reset", "-q", base)
        return base

    def tree(self, base: str) -> str:
        """The id of a git tree of the copy as it is now, ignored files left out."""
        with self._index() as git:
            git("read-tree", *([base] if base else ["--empty"]))
            git("add", "--all", "--", ".")
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
            yield Git(self.git_dir, self.copy, Path(name) / "index", settings)

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

    def changes_nothing(self, base: str, tree: str) -> bool:
        return self.git("rev-parse", f"{base}^{{tree}}") == tree

    def patch(self, base: str, commit: str) -> bytes:
        """The change, for ``git apply``; binary files included."""
        options = ("--binary", "--full-index", "--no-ext-diff", "--no-textconv")
        prefixes = ("--src-prefix=a/", "--dst-prefix=b/", "--no-color", "--no-renames")
        return self.git.raw("diff", *options, *prefixes, base, commit)

    def statistics(self, base: str, commit: str) -> tuple[int, int, int]:
        """Files, added and removed lines; a binary file has no lines."""
        lines = self.git("diff", "--numstat", "--no-renames", base, commit).split("\n")
        rows = [line.split("\t") for line in lines if line]
        counts = [[int(n) if n.isdigit() else 0 for n in row[:2]] for row in rows]
        return len(rows), sum(c[0] for c in counts), sum(c[1] for c in counts)

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
