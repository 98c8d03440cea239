"""Where an edit leads: some files inside the workspace are run, or obeyed."""

from __future__ import annotations

import os
from pathlib import PurePosixPath
from typing import Final

from openhands_tiered_router.guards.confirm.paths import Place, Places
from openhands_tiered_router.guards.confirm.verdict import names


_OBEYED_DIRECTORIES: Final = names(
    ".git .hg .svn .venv venv site-packages node_modules .cargo"
)
_OBEYED_NAMES: Final = names("head rust-toolchain rust-toolchain.toml")
"""Would make a directory a repository with settings of its own, or choose the program
that ``cargo`` runs."""


def place_of_edit(path: str, places: Places) -> Place:
    """Where writing ``path`` leads, by its real directory."""
    place = Places(places.workspace, cwd=places.cwd).read(path)
    inside = place is Place.INSIDE
    return Place.OBEYED if inside and _obeyed(path, places) else place


def _obeyed(path: str, places: Places) -> bool:
    """Whether what is written there is run, or obeyed, without anybody asking."""
    full = os.path.join(places.here, path)
    for spelled in (os.path.normpath(full), os.path.realpath(full)):
        parts = PurePosixPath(spelled.lower()).parts
        below = parts[len(PurePosixPath(os.path.realpath(places.workspace)).parts) :]
        if _OBEYED_DIRECTORIES & set(below) or parts[-1] in _OBEYED_NAMES:
            return True
        if any(part.startswith("-") for part in below):
            return True  # a glob would make an option of it
    above = [str(p) for p in PurePosixPath(os.path.realpath(full)).parents]
    searched = os.environ.get("PATH", "").split(os.pathsep)
    if above[0] in map(os.path.realpath, filter(None, searched)):
        return True
    return any(os.path.exists(os.path.join(p, "pyvenv.cfg")) for p in above)
