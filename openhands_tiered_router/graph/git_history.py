"""What the latest commits said of each file: from git, bounded.

A past fix of a file is described in the words that the next request will use, so
commit subjects help to locate it. Only subjects are read, and nothing is kept
of them but counts of terms in memory.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from openhands_tiered_router.git import Found, Git, GitError, over
from openhands_tiered_router.graph.words import terms_of, words


COMMITS: Final = 4_000
"""Newest commits that are read; about .4 s on Django's 30,000."""

FILES_PER_COMMIT: Final = 20
"""A commit that touches more is a rename or a reformatting: it says nothing."""

TIMEOUT: Final = 30.0
"""Seconds after which git is ended, and there is no history."""

COMMAND: Final = (
    *("log", f"--max-count={COMMITS}", "--no-merges", "--no-show-signature"),
    *("--no-ext-diff", "--no-textconv", "--no-renames", "--relative", "--name-only"),
    *("-z", "--format=tformat:%x01%s"),
)
"""Arguments of git, without the commit to begin at."""


type Terms = Mapping[str, int]
"""Terms of the subjects of the commits that touched a file, with their counts."""

type History = Mapping[str, Terms]
"""The recent commits of a workspace, by file."""


def read_history(root: Path) -> History:
    """Read the newest commits below a directory; an empty history without git.

    Blocks for up to `TIMEOUT`: call it in a background thread.
    """
    return parse_log(_git_log(root))


def commit_stamp(root: Path) -> str:
    """Return a text that differs when HEAD does; "" without git. Runs no program."""
    try:
        found = Found.around(root)
        head = (found.directory / "HEAD").read_text("utf-8", "replace").strip()
        _, ref, name = head.partition("ref: ")
        if not ref:
            return head
        loose = found.common / name
        if loose.is_file():
            return f"{head} {loose.read_text('utf-8', 'replace').strip()}"
        packed = (found.common / "packed-refs").stat()
    except (GitError, OSError):
        return ""
    return f"{head} {packed.st_mtime_ns} {packed.st_size}"


def parse_log(log: str) -> History:
    """Add up the output of `COMMAND` by file, but for an entry that is cut off."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for subject, paths in _commits(log):
        if len(paths) <= FILES_PER_COMMIT:
            said = terms_of(words(subject))
            for path in paths:
                found[path].update(said)
    return dict(found)


def _git_log(root: Path) -> str:
    """Return git's answer, or "" where there is no git or none in time."""
    try:
        found = Found.around(root)
        # Reads references under the repository's own settings; it runs nothing.
        head = Git(found.directory, seconds=TIMEOUT)("rev-parse", "-q", "HEAD^{commit}")
        with over(found.directory, found.top, Git(seconds=TIMEOUT)) as git:
            below = root.resolve().relative_to(found.top).as_posix()
            inside = [] if below == "." else [f"--relative={below}/"]
            output = git.raw(*COMMAND, *inside, head)
    except GitError:
        return ""
    return output.decode("utf-8", errors="replace")


def _commits(log: str) -> Iterator[tuple[str, list[str]]]:
    """Yield subject and paths of each commit in the output of `COMMAND`."""
    for entry in log.split("\x01")[1:]:
        subject, end, names = entry.partition("\0")
        if end:
            paths = [name.lstrip("\n") for name in names.split("\0")]
            yield subject, [path for path in paths if path]
