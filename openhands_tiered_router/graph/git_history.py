"""Which files were changed lately, and what the commits said: from git, bounded.

A past fix of a file is described in the words that the next request will use, so
commit subjects help to locate it. Only subjects are read, and nothing is kept
of them but counts of terms in memory.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from openhands_tiered_router.git import Found, Git, GitError, over
from openhands_tiered_router.graph.words import terms_of, words


COMMITS: Final = 4_000
"""Newest commits that are read; about .4 s on Django's 30,000."""

FILES_PER_COMMIT: Final = 20
"""A commit that touches more is a rename or a reformatting: it says nothing."""

HALF_LIFE: Final = 180 * 86_400.0
"""Seconds after which a commit counts half in `FileHistory.churn`."""

TIMEOUT: Final = 30.0
"""Seconds after which git is ended, and there is no history."""

COMMAND: Final = (
    *("log", f"--max-count={COMMITS}", "--no-merges", "--no-show-signature"),
    *("--no-ext-diff", "--no-textconv", "--no-renames", "--relative", "--name-only"),
    *("-z", "--format=tformat:%x01%ct%x02%s"),
)
"""Arguments of git, without the commit to begin at."""


@dataclass(frozen=True, slots=True)
class FileHistory:
    """What the commits that touched one file say about it."""

    commits: int
    churn: float
    """Commits, each halved per `HALF_LIFE` of its age at the newest commit."""
    terms: Mapping[str, int]
    """Terms of the commits' subjects, with their counts."""


@dataclass(frozen=True, slots=True)
class History:
    """The recent commits of a workspace, by file."""

    files: Mapping[str, FileHistory] = field(default_factory=dict)
    commits: int = 0
    """Commits that were read; 0 without git."""


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
    """Read the output of `COMMAND`; what is cut off at its end is left out."""
    return summarise(_commits(log))


def summarise(commits: Iterable[tuple[int, str, list[str]]]) -> History:
    """Add up commits, newest first, by file.

    Args:
        commits: Time (seconds since 1970), subject and paths of each.
    """
    churn: dict[str, float] = defaultdict(float)
    counts: Counter[str] = Counter()
    terms: dict[str, Counter[str]] = defaultdict(Counter)
    newest, total = None, 0
    for time, subject, paths in commits:
        newest = time if newest is None else newest
        total += 1
        if len(paths) > FILES_PER_COMMIT:
            continue
        weight = 0.5 ** (max(0, newest - time) / HALF_LIFE)
        said = terms_of(words(subject))
        for path in paths:
            counts[path] += 1
            churn[path] += weight
            terms[path].update(said)
    files = {p: FileHistory(n, churn[p], dict(terms[p])) for p, n in counts.items()}
    return History(files, total)


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


def _commits(log: str) -> Iterator[tuple[int, str, list[str]]]:
    """Yield time, subject and paths of each commit in the output of `COMMAND`."""
    for entry in log.split("\x01")[1:]:
        head, _, names = entry.partition("\0")
        time, _, subject = head.partition("\x02")
        if time.isdigit():
            paths = [name.lstrip("\n") for name in names.split("\0")]
            yield int(time), subject, [path for path in paths if path]
