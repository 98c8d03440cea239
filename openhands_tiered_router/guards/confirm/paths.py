"""Which files an action may touch without anybody being asked.

Paths are resolved on the file system: links, ``..``, the real directory of an edit. The
rest is by name, since contents are not read.
"""

from __future__ import annotations

import glob as globs
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase, translate
from itertools import islice
from pathlib import PurePosixPath
from typing import Final

from openhands_tiered_router.guards.confirm.verdict import names


class Place(StrEnum):
    """Where a path leads."""

    INSIDE = "inside the workspace"
    OUTSIDE = "outside the workspace"
    SECRET = "a file that holds secrets"
    OBEYED = "a file that programs obey"


_SECRET_DIRECTORIES: Final = names(
    ".ssh .aws .gnupg .kube .azure gcloud .password-store .docker .secrets"
)
_SECRET_NAMES: Final = names(
    ".env* *.env *.pem *.key *.p12 *.pfx *.jks *.keystore"
    " *.kdbx *.tfvars *.tfstate *.ppk *.asc *.gpg *.pgpass id_rsa* id_dsa*"
    " id_ecdsa* id_ed25519* .git-credentials .netrc _netrc .npmrc .yarnrc*"
    " .pypirc .pgpass .my.cnf .htpasswd .dockercfg .vault* credentials"
    " credentials.* *credentials*.json secret.* secrets secrets.*"
    " *secret*.json *secret*.y*ml service-account*.json token token.* .boto"
    " .s3cfg .rclone.conf .*_history master.key kubeconfig* *.kubeconfig *.keytab"
    " passwords passwords.* password.txt .token *.token .terraformrc"
)
_SECRET_NAME: Final = re.compile("|".join(map(translate, sorted(_SECRET_NAMES))))
_SOURCE: Final = re.compile(r".*\.(?:py|js|ts|go|rs|java|c|h|cpp|rb|md|rst)")
_EXAMPLES: Final = (".example", ".sample", ".template", ".dist", ".pub")
_GUESSES: Final = (
    *(".env", ".env.local", "id_rsa", "id_ed25519", ".git-credentials", ".netrc"),
    *(".npmrc", ".pypirc", "server.pem", "server.key", "prod.key", "tls.key"),
    *("credentials.json", "secrets.yaml", "secret.json", "prod.tfvars", "prod.env"),
    *sorted(_SECRET_DIRECTORIES),
)
"""Names that a glob is tried on."""
_SWEEPING: Final = frozenset({"*", "*.*", "**"})
_OBEYED_DIRECTORIES: Final = names(
    ".git .hg .svn .venv venv site-packages node_modules .cargo"
)
_OBEYED_NAMES: Final = names("head rust-toolchain rust-toolchain.toml")
"""Would make a directory a repository with settings of its own, or choose the program
that ``cargo`` runs."""
_MOST: Final = 20_000
"""Files that are looked at below a directory, or for a glob; with more, it asks."""


def is_secret(path: str) -> bool:
    """Whether a file of that name usually holds keys or passwords; examples such as
    ``.env.example`` and sources such as ``token.py`` do not."""
    parts = PurePosixPath(path.lower()).parts
    if not parts:
        return False
    if any(part in _SECRET_DIRECTORIES for part in parts):
        return True
    name = parts[-1]
    if parts[-2:] == (".git", "config"):  # addresses may have passwords
        return True
    if name.endswith(_EXAMPLES) or (_SOURCE.fullmatch(name) and name[0] != "."):
        return False
    return _SECRET_NAME.match(name) is not None


def may_match_secret(pattern: str, *, dots: bool = False) -> bool:
    """Whether a pattern seems meant for secret files: ``.e*``, ``*.pem``.

    A sweeping one such as ``src/*`` is not: which files it matches is looked at.
    ``dots``: as ``grep --include`` reads it, whose ``*`` matches a leading dot, too.
    """
    for part in PurePosixPath(pattern.lower()).parts:
        if part in _SWEEPING or not any(c in part for c in "*?["):
            continue
        guesses = [g for g in _GUESSES if dots or g[0] != "." or part[0] in ".["]
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
    """Where the shell is; ``None``: where it began, at the top of the workspace."""

    @property
    def here(self) -> str:
        return os.path.realpath(self.cwd or self.workspace)

    def read(self, path: str, *, glob: bool = False) -> Place:
        """Where reading ``path``, as the shell would find it, leads."""
        return self._place(path, (self.workspace, *self.readable), glob)

    def write(self, path: str) -> Place:
        """Where writing ``path`` leads."""
        place = self._place(path, (self.workspace,), False)
        return Place.OBEYED if place is Place.INSIDE and self._obeyed(path) else place

    def expanded(self, pattern: str) -> list[str]:
        """What bash makes of a glob: the names, or the pattern if there are none."""
        if ".." in pattern:
            return [pattern, ".."]
        found = list(islice(globs.iglob(pattern, root_dir=self.here), _MOST))
        return [*found, pattern] if len(found) < _MOST else [".."]

    def holds_secret(
        self, path: str, *, hidden: bool = True, follows: bool = False
    ) -> bool:
        """Whether a search through all of a directory may read a secret file.

        ``follows``: links in it are read, too; any may lead to one.
        """
        top = os.path.join(self.here, path)
        return any(
            is_secret(name) or (follows and os.path.islink(os.path.join(top, name)))
            for name in islice(_below(top, hidden), _MOST + 1)
        )

    def _obeyed(self, path: str) -> bool:
        """Whether what is written there is run, or obeyed, without anybody asking."""
        full = os.path.join(self.here, path)
        for spelled in (os.path.normpath(full), os.path.realpath(full)):
            parts = PurePosixPath(spelled.lower()).parts
            below = parts[len(PurePosixPath(os.path.realpath(self.workspace)).parts) :]
            if _OBEYED_DIRECTORIES & set(below) or parts[-1] in _OBEYED_NAMES:
                return True
            if any(part.startswith("-") for part in below):
                return True  # a glob would make an option of it
        above = [str(p) for p in PurePosixPath(os.path.realpath(full)).parents]
        searched = os.environ.get("PATH", "").split(os.pathsep)
        if above[0] in map(os.path.realpath, filter(None, searched)):
            return True
        return any(os.path.exists(os.path.join(p, "pyvenv.cfg")) for p in above)

    def _place(self, path: str, roots: Iterable[str], glob: bool) -> Place:
        if is_secret(path) or (glob and may_match_secret(path)):
            return Place.SECRET
        if path.startswith("~") or "\0" in path or (glob and ".." in path):
            return Place.OUTSIDE
        real = os.path.realpath(os.path.join(self.here, path))
        for root in map(os.path.realpath, roots):
            if _within(real, root):
                secret = is_secret(os.path.relpath(real, root))
                return Place.SECRET if secret else Place.INSIDE
        return Place.SECRET if is_secret(real) else Place.OUTSIDE


def _below(top: str, hidden: bool) -> Iterator[str]:
    """Names of files below a directory; one that is secret if it cannot be read."""
    count = 0
    for folder, folders, files in os.walk(top):
        for link in (os.path.join(folder, f) for f in folders):
            if os.path.islink(link):
                yield os.path.relpath(link, top)
        folders[:] = [f for f in folders if f != ".git" and (hidden or f[0] != ".")]
        for name in files:
            count += 1
            if hidden or name[0] != ".":
                yield os.path.join(os.path.relpath(folder, top), name)
        if count > _MOST:
            yield ".env"  # too many to look at


def _within(path: str, root: str) -> bool:
    """Not so for the top of the file system: all secrets of the system are below."""
    return root != "/" and (path == root or path.startswith(root.rstrip("/") + "/"))
