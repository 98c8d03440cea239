"""Which files may be read without anybody being asked, and which edits are run.

Paths are resolved on the file system: links, ``..``, what a glob stands for.
"""

from __future__ import annotations

import glob as globs
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase, translate
from itertools import islice
from pathlib import PurePosixPath
from typing import Final

from openhands_tiered_router.guards.confirm.verdict import Unclear, names


_SECRET_DIRECTORIES: Final = names(
    ".ssh .aws .gnupg .kube .azure gcloud .password-store .docker .secrets"
)
_SECRET_NAMES: Final = names(
    ".env* *.env *.pem *.key *.p12 *.pfx *.jks *.keystore *.kdbx *.tfvars *.tfstate"
    " *.ppk *.asc *.gpg *.pgpass id_rsa* id_dsa* id_ecdsa* id_ed25519* .netrc _netrc"
    " .git-credentials .npmrc .yarnrc* .pypirc .my.cnf .htpasswd .dockercfg .vault*"
    " credentials credentials.* *credentials*.json secret.* secrets secrets.* *.keytab"
    " *secret*.json *secret*.y*ml service-account*.json token token.* *.token .boto"
    " .s3cfg .rclone.conf .*_history master.key kubeconfig* *.kubeconfig passwords"
    " passwords.* password.txt .terraformrc"
)
_SECRET_NAME: Final = re.compile("|".join(map(translate, sorted(_SECRET_NAMES))))
_HARMLESS: Final = re.compile(
    r"[^.].*\.(?:py|js|ts|go|rs|java|c|h|cpp|rb|md|rst)"
    r"|.*\.(?:example|sample|template|dist|pub)"
)
_GUESSES: Final = names(
    ".env .env.local id_rsa id_ed25519 .git-credentials .netrc .npmrc .pypirc"
    " server.pem server.key prod.key tls.key credentials.json secrets.yaml secret.json"
    " prod.tfvars prod.env"
)
"""Names that a glob is tried on."""


def is_secret(path: str) -> bool:
    """Whether a file of that name usually holds keys or passwords; examples such as
    ``.env.example`` and sources such as ``token.py`` do not."""
    parts = PurePosixPath(path.lower()).parts
    if _SECRET_DIRECTORIES & set(parts) or parts[-2:] == (".git", "config"):
        return True  # addresses in git's may have passwords
    name = parts[-1] if parts else ""
    return bool(_SECRET_NAME.match(name)) and not _HARMLESS.fullmatch(name)


def may_match_secret(pattern: str, *, dots: bool = False) -> bool:
    """Whether a pattern seems meant for secret files: ``.e*``, ``*.pem``.

    A sweeping one such as ``src/*`` is not: which files it matches is looked at.
    ``dots``: as ``grep --include`` reads it, whose ``*`` matches a leading dot, too.
    """
    return any(
        fnmatchcase(guess, part)
        for part in PurePosixPath(pattern.lower()).parts
        if part not in ("*", "*.*", "**") and set(part) & set("*?[")
        for guess in _GUESSES | _SECRET_DIRECTORIES
        if dots or guess[0] != "." or part[0] in ".["
    )


_MOST: Final = 20_000
"""Files that are looked at below a directory, or for a glob; with more, it asks."""


class Place(StrEnum):
    """Where a path leads."""

    INSIDE = "inside the workspace"
    OUTSIDE = "outside the workspace"
    SECRET = "a file that holds secrets"
    OBEYED = "a file that programs obey"


class Word(str):
    """What bash passes to a program, or a glob that it replaces by names."""

    glob = quoted = False
    number = False
    """The last exit code is in it."""


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

    def above(self) -> list[str]:
        """The shell's directory and those around it, from the nearest on."""
        here = PurePosixPath(self.here)
        return [str(here), *map(str, here.parents)]

    def read(self, path: str, *, glob: bool = False) -> Place:
        """Where reading ``path``, as the shell would find it, leads."""
        if is_secret(path) or (glob and may_match_secret(path)):
            return Place.SECRET
        if path.startswith("~") or "\0" in path or (glob and ".." in path):
            return Place.OUTSIDE
        real = os.path.realpath(os.path.join(self.here, path))
        for root in map(os.path.realpath, (self.workspace, *self.readable)):
            if is_within(real, root):
                secret = is_secret(os.path.relpath(real, root))
                return Place.SECRET if secret else Place.INSIDE
        return Place.SECRET if is_secret(real) else Place.OUTSIDE

    def expanded(self, word: Word) -> list[str]:
        """What bash makes of a word: the names that a glob stands for, and itself."""
        if not word.glob:
            return [word]
        if ".." in word:
            return [word, ".."]
        found = list(islice(globs.iglob(word, root_dir=self.here), _MOST))
        return [*found, word] if len(found) < _MOST else [".."]

    def holds_secret(
        self, path: str, *, hidden: bool = True, follows: bool = False
    ) -> bool:
        """Whether a search through all of a directory may read a secret file.

        ``follows``: links in it are read, too; any may lead to one.
        """
        top = os.path.join(self.here, path)
        for count, name in enumerate(_below(top, hidden)):
            link = follows and os.path.islink(os.path.join(top, name))
            if link or is_secret(name) or count > _MOST:
                return True
        return False


def _below(top: str, hidden: bool) -> Iterator[str]:
    """Names of files, and of links to directories, below a directory."""
    for folder, folders, files in os.walk(top):
        links = [name for name in folders if os.path.islink(f"{folder}/{name}")]
        folders[:] = [f for f in folders if f != ".git" and (hidden or f[0] != ".")]
        for name in [*links, *files]:
            # A hidden one counts, so that the number of them is bounded.
            shown = hidden or name[0] != "."
            yield os.path.relpath(f"{folder}/{name}", top) if shown else ""


def is_within(path: str, root: str) -> bool:
    """Not so for the top of the file system: all secrets of the system are below."""
    return root != "/" and (path == root or path.startswith(root.rstrip("/") + "/"))


# Git takes programs from the configuration of the repository that it finds: around the
# directory, or the directory itself, if it looks like a bare repository. So there must
# be one repository, that of the workspace, with no line that an agent could misuse.
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
