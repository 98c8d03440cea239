"""Whether git may run in a directory: only if no agent can have configured it.

Git takes programs from the configuration of the repository that it finds: around the
directory, or the directory itself, if it looks like a bare repository. So there must be
one repository, that of the workspace, and each line of its configuration must be known.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final

from openhands_tiered_router.guards.confirm.paths import is_within
from openhands_tiered_router.guards.confirm.verdict import Unclear


if TYPE_CHECKING:
    from openhands_tiered_router.guards.confirm.paths import Places

_LINE: Final = re.compile(
    r"\s*|\s*[#;][^\\]*|\[[A-Za-z]+(?: \"[^\"\\\]]+\")?\]|\s*(?:repositoryformatversion"
    r"|filemode|bare|logallrefupdates|ignorecase|symlinks|precomposeunicode|autocrlf|eol"
    r"|safecrlf|url|pushurl|fetch|tagopt|prune|remote|merge|rebase|name|email|active"
    r"|default|defaultbranch|autosetuprebase|ff)\s*=(?:(?!//[^/]*@)[^\\\"])*",
    re.IGNORECASE,
)
"""A line of a configuration that names no program and holds no password. What names
one is not among the keys: ``fsmonitor``, ``clean``, ``helper``, ``include.path``."""
_LONGEST: Final = 50_000
_FORBIDDEN: Final = (
    *("worktrees", "modules", "config.worktree", "commondir"),
    "hooks/post-index-change",
)
"""In a git directory: configuration elsewhere, or a hook that reading commands run."""


def check_repository(places: Places) -> None:
    """Check the repository that git would find.

    Raises:
        Unclear: Git might run a program that an agent put there.
    """
    top = os.path.realpath(places.workspace)
    for at in places.above():
        git = os.path.join(at, ".git")
        if os.path.lexists(git):
            if at != top and is_within(at, top):
                raise Unclear("a repository inside the workspace")
            return _check_directory(git)
        if os.path.lexists(os.path.join(at, "HEAD")) and is_within(at, top):
            raise Unclear("a directory that may be a bare repository")
    return None  # git finds none, and fails


def _check_directory(git: str) -> None:
    if os.path.islink(git) or not os.path.isdir(git):
        raise Unclear("a git directory elsewhere")
    if any(os.path.lexists(os.path.join(git, name)) for name in _FORBIDDEN):
        raise Unclear("a repository with submodules, linked trees or hooks")
    try:
        with open(os.path.join(git, "config"), encoding="ascii") as file:
            lines = file.read(_LONGEST + 1)
    except FileNotFoundError:
        return
    except (OSError, UnicodeDecodeError):
        raise Unclear("a configuration that cannot be read") from None
    if len(lines) > _LONGEST or not all(map(_LINE.fullmatch, lines.split("\n"))):
        raise Unclear("a repository with settings that may name programs")
