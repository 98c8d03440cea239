"""Where an agent works, read off the paths that it names.

Whether a new file belongs to the sources is judged by its place below the directory
that the agent works in, never by that directory's own path: the same session under
``/tmp`` and under ``/workspace`` is judged alike.
"""

from __future__ import annotations

import posixpath
import re
from typing import Final


_CD: Final = re.compile(r"^\s*cd\s+[\"']?(/[^\s;&|\"']*)")
_SCRATCH: Final = re.compile(r"^\.?(?:tmp|temp|scratch)|scratch$", re.I)
_TRIAL: Final = re.compile(
    r"^(?:repro|debug|tmp|temp|scratch|demo|verify|bench|try_|edge_case)", re.I
)
"""Names that agents give to what they throw away."""
_SHARED: Final = frozenset(
    {"/", "/tmp", "/var", "/var/tmp", "/private", "/private/tmp", "/home", "/root",
     "/usr", "/opt", "/mnt", "/etc", "/dev", "/proc", "/Users", "/workspace"}
)  # fmt: skip
"""Directories that hold much beside a project: never what a project's files share."""


def directory_of(path: str) -> str:
    """The directory that an absolute path is or is in; nothing for other paths."""
    if not path.startswith("/"):
        return ""
    path = posixpath.normpath(path)
    return posixpath.dirname(path) if "." in posixpath.basename(path) else path


def entered(command: str) -> str:
    """The absolute directory that a command line changes to first, or nothing."""
    match = _CD.match(command)
    return posixpath.normpath(match[1]) if match else ""


def widened(root: str, directory: str) -> str:
    """The directory that the agent works in, now that it used that one, too.

    It is the common parent of what was used, unless that is a directory that the whole
    machine shares: a log read in ``/tmp`` does not make ``/tmp`` the workspace.

    >>> widened("/workspace/project/src", "/workspace/project/tests")
    '/workspace/project'
    >>> widened("/workspace/project", "/tmp")
    '/workspace/project'
    """
    if not directory or directory in _SHARED:
        return root
    if not root or directory == root:
        return directory
    common = posixpath.commonpath((root, directory))
    return root if common in _SHARED else common


def is_throwaway(path: str, root: str) -> bool:
    """Whether a new file there is not a source file.

    So are files at the top of the workspace, in a scratch directory, and outside;
    and those whose name says that they try something out.

    >>> is_throwaway("/workspace/project/repro.py", "/workspace/project")
    True
    >>> is_throwaway("/workspace/project/src/a.py", "/workspace/project")
    False
    """
    path = posixpath.normpath(path)
    if _TRIAL.match(posixpath.basename(path)):
        return True
    if path.startswith("/"):
        if not root or not path.startswith(root + "/"):
            return True
        path = path[len(root) + 1 :]
    parents = path.split("/")[:-1]
    return not parents or ".." in parents or bool(_SCRATCH.search(parents[0]))
