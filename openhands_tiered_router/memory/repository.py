"""Which repository a directory is, and what its files are now."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from openhands_tiered_router.git import Found, Git, GitError


SECONDS: Final = 5.0
"""For git; a repository that takes longer has no memory in this conversation."""
MOST_BYTES: Final = 1_000_000
MOST_FILES: Final = 12
BUILD_FILES: Final = (
    "pyproject.toml", "setup.cfg", "setup.py", "tox.ini", "pytest.ini", "noxfile.py",
    "requirements.txt", "package.json", "Makefile", "CMakeLists.txt", "Cargo.toml",
    "go.mod", "pom.xml", "build.gradle", "Dockerfile", "Gemfile",
)  # fmt: skip
"""Files that say how to build and test: a command holds as long as they do."""
_NAMED: Final = re.compile(r"[\w./-]*\w\.\w{1,5}\b")
_SCP: Final = re.compile(r"(?:[^@/]+@)?([^:/]+):(?!//)(.+)")


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository, wherever it is cloned."""

    key: str
    """Digest of the remote's address and the root commit."""
    name: str
    """For people: the end of the remote's address, or the directory."""
    top: Path
    """Directory of the working tree."""


def repository_of(directory: Path) -> Repository | None:
    """The repository around a directory; ``None``: there is none with a history.

    A shallow clone does not have its root commit, so it is none either. Runs git,
    for some .01 s; at most ``SECONDS``.
    """
    try:
        found = Found.around(directory)
        if (found.common / "shallow").exists():
            return None
        git = Git(directory=found.directory, seconds=SECONDS)
        roots = git("rev-list", "--first-parent", "--max-parents=0", "HEAD")
        config = found.common / "config"
        raw = Git(seconds=SECONDS).raw(
            "config", "--no-includes", "--file", str(config),
            "--get", "remote.origin.url", good=(0, 1),
        )  # fmt: skip
    except (GitError, OSError):
        return None
    remote = _address(raw.decode(errors="replace").strip())
    digest = hashlib.sha256(f"{remote}\0{roots}".encode()).hexdigest()
    name = "/".join(remote.split("/")[-2:]) or found.top.name
    return Repository(digest[:32], name, found.top)


def _address(remote: str) -> str:
    """The same for each way to write an address; without user, password and port."""
    scp = _SCP.fullmatch(remote)
    if scp and "://" not in remote:
        host, path = scp[1], scp[2]
    else:
        parts = urlsplit(remote)
        host, path = parts.hostname or "", parts.path
    return f"{host.lower()}/{path.strip('/').removesuffix('.git')}".strip("/")


def files_of(top: Path, text: str) -> dict[str, str]:
    """Digests, by path, of the files that an entry depends on: those that say how to
    build, and those that it names."""
    named = (_inside(top, path) for path in _NAMED.findall(text))
    paths = dict.fromkeys([*BUILD_FILES, *filter(None, named)])
    found = {path: digest for path in paths if (digest := _digest(top / path))}
    return dict(list(found.items())[:MOST_FILES])


def unchanged(top: Path, files: Mapping[str, str]) -> bool:
    """Whether all of those files are as they were."""
    return all(_digest(top / path) == digest for path, digest in files.items())


def _inside(top: Path, path: str) -> str | None:
    """The path below the tree; ``None``: it leads out, or is a name of nothing."""
    try:
        place = (top / path).resolve()
        inside = place.relative_to(top.resolve())
        return str(inside) if place.is_file() else None
    except (OSError, ValueError):
        return None


def _digest(path: Path) -> str | None:
    try:
        if path.is_symlink() or not path.is_file():
            return None
        if path.stat().st_size > MOST_BYTES:
            return None
        return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    except OSError:
        return None


def words_for(request: str) -> Iterable[str]:
    """The words of a request that entries are looked up by."""
    return dict.fromkeys(re.findall(r"[A-Za-z_]\w{2,}", request.lower()[:4_000]))
