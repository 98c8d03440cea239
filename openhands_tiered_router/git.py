"""Git commands of our own, which run no program that a repository names.

Agents write to repositories: to ``.git/config``, to ``.gitattributes``, to submodules.
Git takes orders from all of these: filters, hooks, monitors, helpers, transports. Two
measures keep it from obeying. Commands run without the user's configuration, with a
small environment and without network, unless ``network`` says otherwise. And commands
that read a tree get a git directory of ours, see ``over``, so that the configuration of
the repository is never read.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final


SECONDS: Final = 600.0
"""Time limit of a command: a clone of a big repository takes minutes."""

SETTINGS: Final = {
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "core.attributesFile": os.devnull,
    "core.sparseCheckout": "false",
    "core.quotePath": "false",
    "core.safecrlf": "false",  # else mixed line ends stop `git add`
    "core.bigFileThreshold": "16m",  # larger files are not searched for differences
    "core.pager": "cat",
    "commit.gpgSign": "false",
    "push.gpgSign": "false",
    "log.showSignature": "false",
    "submodule.recurse": "false",
    "fetch.recurseSubmodules": "false",
    "push.recurseSubmodules": "no",
    "protocol.ext.allow": "never",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "advice.detachedHead": "false",
}
"""Take precedence over all files of configuration."""

DIFF: Final = (
    *("--no-ext-diff", "--no-textconv", "--no-color", "--no-renames"),
    *("--ignore-submodules=dirty", "--submodule=short"),
    *("--src-prefix=a/", "--dst-prefix=b/"),
)
"""Options under which ``diff`` runs nothing, and writes what ``apply`` can read."""

_HUNK: Final = re.compile(rb"@@ -\S+ \+(\d+)(?:,(\d+))? @@")

type Span = tuple[int, int]
"""First and last changed line of the new file, from 1."""

_NETWORK: Final = "file:git:http:https:ssh"
_KEPT: Final = re.compile(
    r"PATH|HOME|USER|LOGNAME|TMPDIR|TEMP|TMP|TZ|SYSTEMROOT|PATHEXT|XDG_CONFIG_HOME"
)
"""Variables that a command without network gets; none holds a credential."""
_REDIRECTING: Final = re.compile(
    "GIT_(?:DIR|WORK_TREE|INDEX_FILE|COMMON_DIR|NAMESPACE|OBJECT_DIRECTORY"
    "|ALTERNATE_OBJECT_DIRECTORIES|CONFIG.*|TRACE.*|CURL_VERBOSE|REDACT.*"
    "|EXTERNAL_DIFF|.*_PATHSPECS|ATTR_.*|CEILING_DIRECTORIES|QUARANTINE_PATH)"
)
"""Variables that would point elsewhere, or write credentials down."""
_ATTRIBUTES: Final = "* -filter -ident !diff !merge\n"
"""In a git directory of ours; overrides every ``.gitattributes`` of a tree."""
_NO_ENCODING: Final = "* -working-tree-encoding\n"
_HARMLESS: Final = re.compile(
    r"(?:core\.(?:autocrlf|eol|filemode|ignorecase|symlinks|precomposeunicode)"
    r"|extensions\.objectformat)\n[A-Za-z0-9]{1,12}"
)
"""Settings of a repository that are taken over: they decide what its files are."""
_ADDED: Final = (0, 1)
"""Exit codes of ``add --ignore-errors`` that leave an index with what it could add."""
_GITLINK: Final = "160000"
_SHOWN: Final = 300
"""Characters of git's own words in an error."""
_POLL_SECONDS: Final = 0.05


class GitError(Exception):
    """Git is missing, failed, or knows no repository here. Holds no secret."""


class GitCancelled(Exception):
    """``cancelled`` said so; the command was killed."""


@dataclass(frozen=True, slots=True)
class Git:
    """Git on one repository."""

    directory: Path | None = None
    """The git directory; ``None``: none yet."""
    tree: Path | None = None
    """The working tree; where commands run."""
    index: Path | None = None
    """``None``: the git directory's own."""
    settings: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Further settings, which may hold credentials: they go into the environment of
    the process alone, so that neither its arguments nor a file has them."""
    objects: Path | None = None
    """Directory of objects; ``None``: the git directory's own."""
    local: bool = False
    """Whether repositories of this machine may be cloned or fetched from."""
    network: bool = False
    """Whether it talks to other machines, with the user's configuration, environment
    and credentials. Never for a git directory that an agent could write to."""
    failure: type[Exception] = GitError
    """What is raised if a command fails."""
    cancelled: Callable[[], bool] | None = None
    """Asked every 50 ms whether to give up."""
    seconds: float = SECONDS

    def __call__(self, command: str, *arguments: str, given: bytes = b"") -> str:
        """Run a command; gives back its output without the last line's end.

        Args:
            command: Such as ``fetch``.
            arguments: The rest; names from outside come after ``--``.
            given: Standard input.

        Raises:
            GitError: It failed, with the end of git's words; or ``failure``.
            GitCancelled: See ``cancelled``.
        """
        return self.raw(command, *arguments, given=given).decode(errors="replace")[:-1]

    def raw(
        self,
        command: str,
        *arguments: str,
        given: bytes = b"",
        good: Collection[int] = (0,),
    ) -> bytes:
        """The same; the whole output. ``good``: exit codes that are no failure."""
        try:
            code, output, errors = self._run([command, *arguments], given)
        except (OSError, subprocess.TimeoutExpired) as error:
            said = f"git {command} cannot be run: {type(error).__name__}"
            raise self.failure(said) from None
        if code not in good:
            said = errors.decode(errors="replace").strip()[-_SHOWN:]
            raise self.failure(f"git {command} failed: {self._hidden(said)}")
        return output

    def _run(self, words: list[str], given: bytes) -> tuple[int, bytes, bytes]:
        process = subprocess.Popen(
            ["git", "--no-pager", *words],
            env=self.environment(),
            cwd=self.tree or self.directory,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        end = time.monotonic() + self.seconds
        with process:
            try:
                while True:
                    left = end - time.monotonic()
                    step = min(left, _POLL_SECONDS) if self.cancelled else left
                    try:
                        output, errors = process.communicate(given, max(step, 0.0))
                        return process.returncode, output, errors
                    except subprocess.TimeoutExpired:
                        if time.monotonic() >= end:
                            raise
                    if self.cancelled is not None and self.cancelled():
                        raise GitCancelled
            finally:
                process.kill()

    def environment(self) -> dict[str, str]:
        """The variables that a command gets."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if (self.network and not _REDIRECTING.fullmatch(name))
            or _KEPT.fullmatch(name)
        }
        places = {
            "GIT_DIR": self.directory,
            # Without a git directory git looks for one around the tree.
            "GIT_WORK_TREE": self.tree if self.directory else None,
            "GIT_INDEX_FILE": self.index,
            "GIT_OBJECT_DIRECTORY": self.objects,
        }
        chosen = {**SETTINGS, **self.settings}
        pairs = {"GIT_CONFIG_COUNT": str(len(chosen))}
        for number, (name, value) in enumerate(chosen.items()):
            pairs[f"GIT_CONFIG_KEY_{number}"] = name
            pairs[f"GIT_CONFIG_VALUE_{number}"] = value
        protocols = _NETWORK if self.network else "file" if self.local else "none"
        if not self.network:
            pairs |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
            pairs |= {"GIT_ATTR_NOSYSTEM": "1", "GIT_NO_LAZY_FETCH": "1"}
        return {
            **kept,
            **{k: str(v) for k, v in places.items() if v is not None},
            **pairs,
            "GIT_ALLOW_PROTOCOL": protocols,
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_OPTIONAL_LOCKS": "0",
            "LC_ALL": "C.UTF-8",
        }

    def _hidden(self, text: str) -> str:
        for value in self.settings.values():
            text = text.replace(value, "(hidden)") if value else text
        return text


@dataclass(frozen=True, slots=True)
class Found:
    """The repository around a directory, found without running git."""

    top: Path
    """Directory of the whole working tree."""
    directory: Path
    """The git directory of this working tree."""
    common: Path
    """Where its objects and configuration are: elsewhere, for a linked tree."""

    @classmethod
    def around(cls, place: Path) -> Found:
        """The repository that a directory is, or is part of.

        Git itself would let ``core.worktree`` name another directory as the tree.

        Raises:
            GitError: There is none.
        """
        place = place.resolve()
        for top in (place, *place.parents):
            directory = _git_directory(top / ".git")
            if directory is not None:
                return cls(top, directory, common_directory(directory))
        raise GitError("there is no git repository")


def _git_directory(named: Path) -> Path | None:
    try:
        if named.is_file():  # of a linked working tree or a submodule
            said = named.read_text(encoding="utf-8", errors="replace")
            if not said.startswith("gitdir: "):
                return None
            named = (named.parent / said[8:].rstrip("\n")).resolve()
        return named if (named / "HEAD").is_file() else None
    except OSError:
        return None


def common_directory(directory: Path) -> Path:
    """Where the objects of a git directory are."""
    try:
        said = (directory / "commondir").read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return directory
    return (directory / said).resolve()


@contextmanager
def over(
    directory: Path, tree: Path | None = None, like: Git | None = None
) -> Iterator[Git]:
    """Git with a directory of ours over the objects of another repository.

    It has an index of its own and no references. No setting, hook, filter or attribute
    of the other's is obeyed; what it writes are objects, which git's own housekeeping
    removes there if nothing names them.

    Args:
        directory: The other's git directory.
        tree: The working tree to read or write.
        like: For the rest, such as ``failure``.
    """
    common = common_directory(directory)
    with tempfile.TemporaryDirectory(prefix="tiered-router-") as name:
        ours = Path(name)
        for folder in ("objects", "refs", "info"):
            (ours / folder).mkdir()
        (ours / "HEAD").write_text("ref: refs/heads/none\n")
        (ours / "info" / "attributes").write_text(_ATTRIBUTES)
        # Patterns of ignored files, and the ends of a clone without history, are data.
        for data in ("info/exclude", "shallow"):
            with suppress(OSError):
                shutil.copyfile(common / data, ours / data)
        git = replace(like or Git(), directory=ours, tree=tree, index=ours / "index")
        (ours / "config").write_text(_configuration(git, common / "config"))
        yield replace(git, objects=common / "objects")


def _configuration(git: Git, file: Path) -> str:
    """What says how the other's files are stored; read, but not obeyed."""
    # `--file` follows no includes; run without a repository.
    reader = replace(git, directory=None, tree=None, network=False, index=None)
    words = ("--file", str(file), "--no-includes", "-z", "--list")
    listed = reader.raw("config", *words, good=range(256)).decode(errors="replace")
    lines = ["[core]\n\trepositoryformatversion = 1\n\tbare = false\n"]
    for entry in listed.split("\0"):
        if _HARMLESS.fullmatch(entry):
            name, _, value = entry.partition("\n")
            section, _, key = name.partition(".")
            lines.append(f"[{section}]\n\t{key} = {value}\n")
    return "".join(lines)


def add_all(git: Git, place: str = ".") -> None:
    """Put all files of a tree that are not ignored into the index of ``over``.

    A file that git cannot take stays as it was. Submodules too: to compare one, git
    would run a second git under the submodule's configuration.

    Raises:
        GitError: Nothing can be added.
    """
    assert git.tree is not None
    assert git.directory is not None
    excluded = []
    for path in _gitlinks(git):
        inside = git.tree / path
        if inside.is_dir() and not inside.is_symlink():
            excluded.append(f":(top,exclude,literal){path}")
        else:  # gone, or replaced by a file
            git("update-index", "--force-remove", "--", path)
    words = ("add", "--all", "--ignore-errors", "--", place, *excluded)
    try:
        git.raw(*words, good=_ADDED)
    except git.failure:
        # An encoding that the tree's attributes name and the files do not have ends
        # git at once; as bytes every file can be taken.
        attributes = git.directory / "info" / "attributes"
        attributes.write_text(_ATTRIBUTES + _NO_ENCODING)
        git.raw(*words, good=_ADDED)


def _gitlinks(git: Git) -> list[str]:
    staged = git("ls-files", "--stage", "-z").split("\0")
    return [entry.partition("\t")[2] for entry in staged if entry.startswith(_GITLINK)]


def drop_new_repositories(git: Git, base: str) -> None:
    """Take repositories that were cloned into the tree out of the index again."""
    changes = git("diff-index", "--cached", "--raw", "-z", base).split("\0")
    for head, path in zip(changes[::2], changes[1::2], strict=False):
        old, new = head.lstrip(":").split()[:2]
        if new == _GITLINK and old != _GITLINK:
            git("update-index", "--force-remove", "--", path)


def hunks(diff: bytes) -> Iterator[tuple[str, Span]]:
    """Yield path and lines of each hunk of a diff without context.

    A deletion counts for the line before it.
    """
    path = ""
    left = 0
    for line in diff.split(b"\n"):
        if left:  # content, which may look like a header
            left -= line[:1] in (b"+", b"-")
            continue
        match = _HUNK.match(line)
        if match:
            start, count = int(match[1]), int(match[2] or 1)
            removed = line.split(b" ")[1].partition(b",")[2] or b"1"
            left = count + int(removed)
            if path:
                yield path, (max(1, start), max(1, start, start + count - 1))
        elif line.startswith(b"diff --git "):
            path = ""  # a name in quotes is not read
        elif line.startswith((b"--- a/", b"+++ b/")):
            path = line[6:].rstrip(b"\t").decode("utf-8", "replace")
