"""The workspace of ``run`` as it is, and what came of it in a sandbox."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from openhands_tiered_router.git import Git, over
from openhands_tiered_router.resolver.checkout import Trees
from openhands_tiered_router.resolver.errors import DeliveryError, ResolveError


BRANCH: Final = "tiered-router"
"""The branch in the sandbox."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A directory's files at one moment, those that git ignores left out."""

    directory: Path
    """The workspace; on top of its repository if its history is to go along."""
    private: Path
    """Directory of this conversation, for what is kept of it here."""

    @property
    def git_dir(self) -> Path:
        return self.private / "base.git"

    @property
    def trees(self) -> Trees:
        return Trees(self.git_dir, self.directory)

    def take(self) -> tuple[str, str]:
        """The files as a commit of a git directory of ours, and what it is based on.

        The workspace's own repository is read, and not written to.

        Raises:
            ResolveError: They cannot be read.
        """
        shutil.rmtree(self.git_dir, ignore_errors=True)
        self.private.mkdir(parents=True, exist_ok=True)
        head = self._borrow_history()
        commit = self.trees.commit(
            self.trees.tree(head), head, "The workspace as it was"
        )
        return commit, head or commit

    def _borrow_history(self) -> str:
        """Makes the git directory; gives back the commit to begin at, if there is one.

        Its objects stay where they are.
        """
        there = Git(tree=self.directory, failure=ResolveError)
        absolute = "--path-format=absolute"
        head = common = ""
        try:
            up, common = there(
                "rev-parse", "--show-cdup", absolute, "--git-common-dir"
            ).split("\n", 1)
            head = "" if up else there("rev-parse", "--verify", "-q", "HEAD^{commit}")
        except (ResolveError, ValueError):
            head = ""  # no repository, none with a commit, or a bare one
        if head:
            clone = ("-q", "--bare", "--shared", "--", common, str(self.git_dir))
            Git(local=True, failure=ResolveError)("clone", *clone)
        else:
            Git(failure=ResolveError)("init", "-q", "--bare", "--", str(self.git_dir))
        return head

    def take_back(self, base: str, patch: bytes) -> tuple[str, ...]:
        """Applies what was changed elsewhere to the workspace; its paths.

        All of it or nothing: where the workspace has changed meanwhile so that it does
        not fit any more, it is kept as a patch.

        Args:
            base: The snapshot that it was made on.
            patch: The change.

        Raises:
            DeliveryError: It does not fit; says where it is kept.
        """
        if not patch:
            return ()
        kept = self.private / "change.patch"
        kept.write_bytes(patch)
        try:
            # First where nothing can be lost: this refuses paths outside, too.
            after = self._applied(base, patch)
            own = self.trees.patch(base, after)
            with over(self.git_dir, self.directory, like=self.trees.git) as git:
                git("apply", "--whitespace=nowarn", "-", given=own)
        except ResolveError as error:
            raise DeliveryError(
                f"the change does not fit the workspace any more ({error}); it is "
                f"kept in {kept}"
            ) from None
        kept.unlink()
        names = self.trees.git("diff", "--name-only", "-z", base, after)
        return tuple(name for name in names.split("\0") if name)

    def _applied(self, base: str, patch: bytes) -> str:
        with over(self.git_dir, self.directory, like=self.trees.git) as git:
            git("read-tree", base)
            git("apply", "--cached", "--whitespace=nowarn", "-", given=patch)
            tree = git("write-tree")
        return self.trees.commit(tree, base, "What came of it")
