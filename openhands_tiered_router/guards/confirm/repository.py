"""Whether git may run in a directory: only if no agent can have configured it.

Git takes programs from the configuration of the repository that it finds: around the
directory, or the directory itself, if it looks like a bare repository. So there must be
one repository, that of the workspace, and each line of its configuration must be known.
"""

from __future__ import annotations

import os
import re
from typing import Final

from openhands_tiered_router.guards.confirm.paths import is_secret
from openhands_tiered_router.guards.confirm.verdict import Unclear


_KEYS: Final = (
    "repositoryformatversion|filemode|bare|logallrefupdates|ignorecase|symlinks"
    "|precomposeunicode|autocrlf|eol|safecrlf|url|pushurl|fetch|tagopt|prune|remote"
    "|merge|rebase|name|email|active|default|defaultbranch|autosetuprebase|ff"
)
_LINE: Final = re.compile(
    rf"\s*|\s*[#;][^\\]*|\[[A-Za-z]+(?: \"[^\"\\\]]+\")?\]|\s*(?:{_KEYS})\s*="
    r"(?:(?!//[^/]*@)[^\\\"])*",
    re.IGNORECASE,
)
"""A line of a configuration that names no program and holds no password. What names
one is not among the keys: ``fsmonitor``, ``clean``, ``helper``, ``include.path``."""
_LONGEST: Final = 50_000
_LARGEST: Final = 20_000_000
"""Bytes of an index, some 200,000 files."""
_TRACKED: Final = re.compile(rb"([ -~]+)\0")
"""Names in an index end so; what else matches errs on the side of asking."""
_PRESENT: Final = ("worktrees", "modules", "config.worktree", "hooks/post-index-change")
"""In a git directory: further configuration, or a hook that reading commands run."""


def check_repository(here: str, workspace: str) -> None:
    """Check the repository that git would find.

    Args:
        here: The shell's directory, links resolved.
        workspace: The workspace; below it an agent may have made any repository.

    Raises:
        Unclear: Git might run a program that an agent put there.
    """
    top = os.path.realpath(workspace)
    at = here
    while True:
        git = os.path.join(at, ".git")
        if os.path.lexists(git):
            if at != top and _within(at, top):
                raise Unclear("a repository inside the workspace")
            _check_directory(git)
            return
        if os.path.lexists(os.path.join(at, "HEAD")) and _within(at, top):
            raise Unclear("a directory that may be a bare repository")
        above = os.path.dirname(at)
        if above == at:
            return  # git finds none, and fails
        at = above


def tracks_secret(here: str) -> bool:
    """Whether a file that is named like a secret is, or may be, in the index of the
    repository around ``here``."""
    while not os.path.isdir(git := os.path.join(here, ".git")):
        if here == (here := os.path.dirname(here)):
            return False
    try:
        with open(os.path.join(git, "index"), "rb") as file:
            index = file.read(_LARGEST + 1)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    # From version 4 on names are written as what differs from the one before.
    if len(index) > _LARGEST or index[4:8] not in (b"\0\0\0\2", b"\0\0\0\3"):
        return True
    return any(is_secret(found[1].decode()) for found in _TRACKED.finditer(index))


def _check_directory(git: str) -> None:
    if os.path.islink(git) or not os.path.isdir(git):
        raise Unclear("a git directory elsewhere")
    if any(os.path.lexists(os.path.join(git, name)) for name in _PRESENT):
        raise Unclear("a repository with submodules, linked trees or hooks")
    try:
        with open(os.path.join(git, "config"), encoding="ascii") as file:
            lines = file.read(_LONGEST + 1)
    except FileNotFoundError:
        return
    except (OSError, UnicodeDecodeError):
        raise Unclear("a configuration that cannot be read") from None
    known = all(map(_LINE.fullmatch, lines.split("\n")))
    if not known or len(lines) > _LONGEST:
        raise Unclear("a repository with settings that may name programs")


def _within(path: str, root: str) -> bool:
    return path == root or path.startswith(root.rstrip("/") + "/")
