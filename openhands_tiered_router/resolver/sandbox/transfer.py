"""Files to a sandbox and back: a git bundle there, a patch from there.

Nothing of this machine is mounted, and nothing that comes from there is run here.
"""

from __future__ import annotations

import shlex
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from openhands_tiered_router.git import Git
from openhands_tiered_router.resolver.errors import ResolveError


if TYPE_CHECKING:
    from openhands.sdk.workspace import RemoteWorkspace


SECONDS: Final = 600.0
"""For one command there."""

_BROUGHT: Final = "tiered-router-brought"
"""Tag there of what was brought."""


def bring(
    workspace: RemoteWorkspace, git: Git, commit: str, base: str, branch: str
) -> None:
    """Puts a commit's files, and its history, into the workspace's directory.

    What was there before is removed; the directory itself stays, since shells of an
    earlier run may be in it.

    Args:
        workspace: In the sandbox.
        git: On the repository with the commit.
        commit: What is brought.
        base: An ancestor of it: what came after is uncommitted there.
        branch: The branch there.

    Raises:
        ResolveError: It did not get there.
    """
    directory = workspace.working_dir
    if git("rev-parse", "--is-shallow-repository") == "true":
        base, commit = _without_history(git, base, commit)
    reference = _upload(workspace, git, commit)
    place, at = shlex.quote(directory), shlex.quote(f"{directory}.bundle")
    _there(
        workspace,
        f"mkdir -p {place} && cd {place} && find . -mindepth 1 -delete && git init -q "
        f"&& git fetch -q {at} {reference} && rm {at} && "
        f"git checkout -q -B {shlex.quote(branch)} FETCH_HEAD && "
        f"git tag -f {_BROUGHT} >/dev/null && git reset -q {shlex.quote(base)} && "
        "git config user.name tiered-router && "
        "git config user.email tiered-router@localhost",
    )


def _upload(workspace: RemoteWorkspace, git: Git, commit: str) -> str:
    """Puts the bundle of a commit there; gives back what the commit is called in it."""
    reference = f"refs/tiered-router/{commit}"
    with tempfile.TemporaryDirectory(prefix="tiered-router-") as name:
        bundle = Path(name) / "bundle"
        git("update-ref", reference, commit)
        try:
            git("bundle", "create", "-q", str(bundle), reference)
        finally:
            git("update-ref", "-d", reference)
        sent = workspace.file_upload(bundle, f"{workspace.working_dir}.bundle")
        if not sent.success:
            size = bundle.stat().st_size / 1e6
            raise ResolveError(
                f"the files ({size:.1f} MB with their history) did not get into the "
                f"sandbox: {_first_line(sent.error)}"
            )
    return reference


def fetch(workspace: RemoteWorkspace) -> bytes:
    """What changed in the directory there since it was brought, for ``git apply``.

    Raises:
        ResolveError: It cannot be had.
    """
    directory = workspace.working_dir
    place, at = shlex.quote(directory), shlex.quote(f"{directory}.patch")
    # In full: what the settings say there is the agent's affair.
    options = "--binary --full-index --no-renames --no-ext-diff --no-textconv"
    options += " --no-color --src-prefix=a/ --dst-prefix=b/ --submodule=short"
    _there(
        workspace,
        # A git that was killed leaves its lock. A file that git cannot take leaves the
        # others to come back; it says 1 then.
        f"cd {place} && rm -f .git/index.lock && "
        "{ git add --all --ignore-errors || [ $? -eq 1 ]; } && "
        f"git diff --cached {options} {_BROUGHT} > {at}",
    )
    with tempfile.TemporaryDirectory(prefix="tiered-router-") as name:
        patch = Path(name) / "patch"
        got = workspace.file_download(f"{directory}.patch", patch)
        if not got.success:
            raise ResolveError(
                f"the change did not get out of the sandbox: {_first_line(got.error)}"
            )
        return patch.read_bytes()


def remove(workspace: RemoteWorkspace) -> None:
    """Removes the workspace's directory there, as far as it can: files of others,
    such as those that ``sudo`` made, stay."""
    directory = workspace.working_dir
    place, at = shlex.quote(directory), shlex.quote(f"{directory}.patch")
    _there(workspace, f"cd / && rm -rf {place} {at} || true")


def _there(workspace: RemoteWorkspace, command: str) -> None:
    """Runs a command there; all it holds are paths made of an id, and our own names."""
    result = workspace.execute_command(command, timeout=SECONDS)
    if result.exit_code:
        said = _first_line(result.stderr)
        raise ResolveError(f"the sandbox failed ({result.exit_code}): {said}")


def _without_history(git: Git, base: str, commit: str) -> tuple[str, str]:
    """The same two, of a shallow clone: a bundle of its own commits would lack their
    parents, and nobody could read it."""
    identity = {"user.name": "tiered-router", "user.email": "tiered-router@localhost"}
    as_us = replace(git, settings={**git.settings, **identity})
    message = b"From a clone without history\n"
    base = as_us("commit-tree", f"{base}^{{tree}}", given=message)
    tree = f"{commit}^{{tree}}"
    return base, as_us("commit-tree", "-p", base, tree, given=message)


def _first_line(said: str | None) -> str:
    return next(iter((said or "").strip().splitlines()), "no reason given")[:200]
