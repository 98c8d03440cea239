"""Lists a workspace's source files, and says what it leaves out and why.

Symbolic links are never followed, so nothing outside of the workspace is read
and no loop can form.
"""

import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from stat import S_ISREG
from typing import Final

from openhands_tiered_router.graph.ignore import Ignored, read_patterns
from openhands_tiered_router.graph.languages import language_of
from openhands_tiered_router.graph.resolve.layout import MANIFESTS


SIZE_LIMIT: Final = 1_000_000
"""Bytes. Larger sources are data; 1 MB is parsed in about 80 ms."""
FILE_LIMIT: Final = 200_000
"""Files; beyond that the rest is counted as left out."""

_VENDORED_NAMES: Final = (
    "node_modules bower_components site-packages vendor third_party jspm_packages"
    " __pycache__ __pypackages__ venv .venv .tox .nox .cache .next .nuxt .yarn"
    " .mypy_cache .pytest_cache .ruff_cache .idea .vscode .gradle .terraform"
)
_VENDORED: Final = frozenset(_VENDORED_NAMES.split())
_HISTORY: Final = frozenset({".git", ".hg", ".svn", ".jj"})
_OUTPUT: Final = frozenset({"build", "dist", "out", "target"})
"""Left out where no .gitignore at the root says what is output."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file as the file system describes it."""

    path: str
    """POSIX, relative to the workspace."""
    size: int
    """Bytes."""
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Listing:
    """What a scan found."""

    files: dict[str, Found]
    manifests: tuple[str, ...]
    """Files that say where packages are; see `resolve.layout`."""
    stamps: tuple[tuple[str, int, int], ...]
    """(path, size, mtime) of the manifests: equal stamps, equal layout."""
    skipped: dict[str, int]
    """Files or whole directories left out, by reason."""


@dataclass(slots=True)
class _Scan:
    root: str
    files: dict[str, Found] = field(default_factory=dict)
    manifests: list[Found] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    outputs: frozenset[str] = frozenset()
    pending: list[tuple[str, Ignored]] = field(default_factory=list)


def scan(root: Path) -> Listing:
    """List the source files below `root`; about 10 us a file.

    An unreadable directory is counted, never raised.
    """
    state = _Scan(os.fspath(root))
    ignored = Ignored({})
    if not (root / ".gitignore").is_file():
        state.outputs = _OUTPUT
    exclude = read_patterns(root / ".git" / "info" / "exclude")
    if exclude is not None:
        ignored = ignored.add("", exclude)
    state.pending.append(("", ignored))
    while state.pending:
        _directory(state, *state.pending.pop())
    manifests = sorted(state.manifests, key=lambda found: found.path)
    return Listing(
        files={path: state.files[path] for path in sorted(state.files)},
        manifests=tuple(found.path for found in manifests),
        stamps=tuple((m.path, m.size, m.mtime_ns) for m in manifests),
        skipped=dict(state.skipped),
    )


def _directory(state: _Scan, directory: str, ignored: Ignored) -> None:
    try:
        with os.scandir(os.path.join(state.root, directory)) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except OSError:
        state.skipped["unreadable"] += 1
        return
    names = {entry.name for entry in found}
    if ".gitignore" in names:
        spec = read_patterns(Path(state.root, directory, ".gitignore"))
        ignored = ignored.add(directory, spec) if spec else ignored
    if "pyvenv.cfg" in names:
        state.skipped["vendored"] += 1
        return
    for entry in found:
        path = f"{directory}/{entry.name}" if directory else entry.name
        if entry.is_symlink():
            state.skipped["symlink"] += language_of(path) is not None
        elif entry.is_dir(follow_symlinks=False):
            _enter(state, path, entry.name, ignored)
        else:
            _file(state, path, entry, ignored)


def _enter(state: _Scan, path: str, name: str, ignored: Ignored) -> None:
    """Queue a directory, unless none of it counts."""
    if name in _HISTORY:
        return
    if name in _VENDORED:
        state.skipped["vendored"] += 1
    elif name in state.outputs:
        state.skipped["output"] += 1
    elif ignored(path, is_directory=True):
        state.skipped["ignored"] += 1
    else:
        state.pending.append((path, ignored))


def _file(state: _Scan, path: str, entry: "os.DirEntry[str]", ignored: Ignored) -> None:
    """Take in a source file or a manifest."""
    manifest = entry.name in MANIFESTS
    if not manifest and language_of(entry.name) is None:
        return
    if ignored(path, is_directory=False):
        state.skipped["ignored"] += 1
        return
    try:
        status = entry.stat(follow_symlinks=False)
        path.encode()
    except (OSError, UnicodeEncodeError):
        state.skipped["unreadable"] += 1
        return
    found = Found(path, status.st_size, status.st_mtime_ns)
    if not S_ISREG(status.st_mode):
        state.skipped["not a file"] += 1
    elif manifest:
        state.manifests.append(found)
    elif status.st_size > SIZE_LIMIT:
        state.skipped["too large"] += 1
    elif len(state.files) >= FILE_LIMIT:
        state.skipped["too many"] += 1
    else:
        state.files[path] = found
