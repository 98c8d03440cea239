"""Which files an action may touch without anybody being asked."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase, translate
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Final

from openhands_tiered_router.guards.confirm.words import names


class Place(StrEnum):
    """Where a path leads."""

    INSIDE = "inside the workspace"
    OUTSIDE = "outside the workspace"
    SECRET = "a file that holds secrets"


_SECRET_DIRECTORIES: Final = frozenset(
    {".ssh", ".aws", ".gnupg", ".kube", ".azure", "gcloud", ".password-store"}
)
_SECRET_NAMES: Final = names(
    ".env .env.* .envrc *.pem *.key *.p12 *.pfx *.jks *.keystore *.kdbx *.tfvars"
    " id_rsa* id_dsa* id_ecdsa* id_ed25519* .git-credentials .netrc _netrc .npmrc"
    " .pypirc .pgpass .my.cnf .htpasswd .dockercfg .vault_pass* credentials.json"
    " secrets.json secrets.yaml secrets.yml secrets.toml .bash_history"
    " .zsh_history .python_history"
)
_SECRET_NAME: Final = re.compile("|".join(map(translate, _SECRET_NAMES)))
_SECRET_PATHS: Final = ("/etc/shadow", "/etc/gshadow", "/etc/sudoers")
_EXAMPLES: Final = (".example", ".sample", ".template", ".dist", ".pub")
_GUESSES: Final = (
    *(".env", ".env.local", "id_rsa", "id_ed25519", ".git-credentials", ".netrc"),
    *(".npmrc", ".pypirc", "server.pem", "server.key", "credentials.json"),
    *(*sorted(_SECRET_DIRECTORIES), "secrets.yaml"),
)
"""Names that a glob is tried on."""
_SWEEPING: Final = frozenset({"*", "*.*", "**"})


def is_secret(path: str) -> bool:
    """Whether a file of that name usually holds keys or passwords.

    By name, since contents are not read. Examples such as ``.env.example`` do not.
    """
    parts = PurePosixPath(path.lower()).parts
    if not parts or path.startswith(_SECRET_PATHS):
        return bool(parts)
    if any(part in _SECRET_DIRECTORIES for part in parts):
        return True
    name = parts[-1]
    if name.endswith(_EXAMPLES):
        return False
    return _SECRET_NAME.match(name) is not None


def may_match_secret(pattern: str) -> bool:
    """Whether a shell pattern seems meant for secret files: ``.e*``, ``*.pem``.

    A sweeping one, such as ``src/*``, counts as harmless: it is no different from
    reading a directory recursively, which asks nobody either.
    """
    for part in PurePosixPath(pattern.lower()).parts:
        if part in _SWEEPING or not any(c in part for c in "*?["):
            continue
        # bash's bracket negation is "!" or "^"; a leading dot is matched only by a dot.
        part = part.replace("[^", "[!")
        guesses = [g for g in _GUESSES if g[0] != "." or part[0] == "."]
        if any(fnmatchcase(name, part) for name in guesses):
            return True
    return False


@dataclass(frozen=True, slots=True)
class Places:
    """The directories of a conversation."""

    workspace: str
    """Absolute path."""
    readable: tuple[str, ...] = ()
    """Further directories that may be read."""
    cwd: str | None = None
    """Where the shell stands; ``None``: somewhere in the workspace."""
    climbs: bool = True
    """Whether ``cwd`` is sure enough for ``..`` to be resolved."""

    def moved(self, path: str) -> Places:
        """After ``cd path``, which may have failed: ``..`` is no longer clear."""
        here = os.path.normpath(os.path.join(self.cwd or self.workspace, path))
        return Places(self.workspace, self.readable, here, climbs=False)

    def read(self, path: str, *, glob: bool = False) -> Place:
        """Where reading ``path``, as the shell would find it, leads."""
        return self._place(path, (self.workspace, *self.readable), glob)

    def write(self, path: str) -> Place:
        """Where writing ``path`` leads; git's own files count as secret: what is
        written there, a hook say, runs later without being asked."""
        place = self._place(path, (self.workspace,), False)
        inside_git = ".git" in PurePosixPath(path.lower()).parts
        return Place.SECRET if inside_git else place

    def _place(self, path: str, roots: Iterable[str], glob: bool) -> Place:
        if is_secret(path) or (glob and may_match_secret(path)):
            return Place.SECRET
        if path.startswith("~") or "\0" in path or (glob and ".." in path):
            return Place.OUTSIDE
        unsure = self.cwd is None or not self.climbs
        if unsure and os.path.normpath(path).split("/")[0] == "..":
            return Place.OUTSIDE
        full = os.path.join(self.cwd or self.workspace, path)
        lexical, real = os.path.normpath(full), os.path.realpath(full)
        if real != lexical and is_secret(real):
            return Place.SECRET
        inside = any(
            _within(lexical, root) and _within(real, _real_root(root)) for root in roots
        )
        return Place.INSIDE if inside else Place.OUTSIDE


@lru_cache(maxsize=64)
def _real_root(root: str) -> str:
    """A workspace is not moved while an agent works in it."""
    return os.path.realpath(root)


def _within(path: str, root: str) -> bool:
    return path == root or path.startswith(root.rstrip("/") + "/")
