"""The workspace's .gitignore files, as git reads them."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final


if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

LIMIT: Final = 1_000_000
"""Bytes; a larger ignore file is not read."""


_NAMED: Final = re.compile(r"\(\?P<\w+>")
_GLOB: Final = frozenset("*?[\\")


@dataclass(frozen=True, slots=True)
class Patterns:
    """One ignore file, with a quick way to see that it says nothing of a path.

    Matching 100 patterns takes 60 us a path; most end in a plain name or suffix,
    which one lookup rules out.
    """

    spec: "GitIgnoreSpec"
    names: frozenset[str]
    suffixes: tuple[str, ...]
    others: "re.Pattern[str] | None"
    """Matches what any pattern does whose last component is neither."""

    def verdict(self, path: str) -> bool | None:
        """Return True to ignore, False to keep, None when nothing matches."""
        name = path.rstrip("/").rpartition("/")[2]
        possible = (
            name in self.names
            or name.endswith(self.suffixes)
            or (self.others is not None and self.others.search(path) is not None)
        )
        return self.spec.check_file(path).include if possible else None


def read_patterns(path: Path) -> Patterns | None:
    """Return the patterns of one ignore file, or None if it has none to give."""
    try:
        if path.is_symlink() or path.stat().st_size > LIMIT:
            return None
        lines = path.read_text("utf-8", "replace").splitlines()
    except OSError:
        return None
    kept = [line for line in lines if line.strip() and not line.startswith("#")]
    try:
        return _patterns(kept) if kept else None
    except ValueError:  # a pattern that git would not accept either
        return None


def _patterns(lines: Iterable[str]) -> Patterns:
    from pathspec import GitIgnoreSpec  # 20 ms, needed only where files are listed

    names: set[str] = set()
    suffixes: set[str] = set()
    others: list[str] = []
    for line in lines:
        last = line.strip().lstrip("!").rstrip("/").rpartition("/")[2]
        if not _GLOB.intersection(last):
            names.add(last)
        elif last[0] == "*" and not _GLOB.intersection(last[1:]) and last[1:]:
            suffixes.add(last[1:])
        else:
            others.append(line)
    return Patterns(
        spec=GitIgnoreSpec.from_lines(lines),
        names=frozenset(names),
        suffixes=tuple(sorted(suffixes)),
        others=_any_of(GitIgnoreSpec.from_lines(others)),
    )


def _any_of(spec: "GitIgnoreSpec") -> "re.Pattern[str] | None":
    """Return one expression for all patterns: asking each takes 30 us a path."""
    known = (getattr(p, "regex", None) for p in spec.patterns)
    found = [regex.pattern for regex in known if regex is not None]
    unnamed = (_NAMED.sub("(?:", pattern) for pattern in found)
    return re.compile("|".join(f"(?:{p})" for p in unnamed)) if found else None


class Ignored:
    """Decides whether a path is ignored; the deepest ignore file that says wins."""

    def __init__(self, specs: Mapping[str, Patterns]) -> None:
        self._specs = dict(specs)
        """By directory, outermost first; only directories around what is asked."""

    def add(self, directory: str, spec: Patterns) -> "Ignored":
        """Return this with one more ignore file, in `directory` ("" = root)."""
        return Ignored({**self._specs, directory: spec})

    def __call__(self, path: str, *, is_directory: bool) -> bool:
        """Whether git would ignore a path (POSIX, relative to the workspace)."""
        target = f"{path}/" if is_directory else path
        for directory, spec in reversed(self._specs.items()):
            start = len(directory) + 1 if directory else 0
            if directory and not target.startswith(f"{directory}/"):
                continue
            verdict = spec.verdict(target[start:])
            if verdict is not None:
                return verdict
        return False
