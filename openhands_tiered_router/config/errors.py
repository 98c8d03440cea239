"""What is wrong with a configuration, and how to put it right."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One fault, or one doubtful spot, of a configuration. Holds no secret."""

    source: str
    """File that holds it; ``environment`` for variables."""
    path: str = ""
    """Place in the file, such as ``tiers.simple.endpoints[0].weight``."""
    message: str
    """What is wrong with the value."""
    remedy: str
    """What to do about it."""
    line: int | None = None
    """Line in the file, from 1, of what is not of its format."""

    def __str__(self) -> str:
        where = self.source if self.line is None else f"{self.source}:{self.line}"
        place = f"{where}: {self.path}" if self.path else where
        return f"{place}: {self.message}. {self.remedy}"


class ConfigError(ValueError):
    """A configuration cannot be used; carries every problem that was found."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        problems = _once(self.problems)
        if len(problems) == 1:
            return str(problems[0])
        lines = "".join(f"\n  - {problem}" for problem in problems)
        return f"{len(problems)} problems in the configuration:{lines}"


def _once(problems: Iterable[Problem]) -> list[Problem]:
    """Each fault once, with all its places: one key that is not set is one fault."""
    found: dict[Problem, list[str]] = {}
    for problem in problems:
        found.setdefault(replace(problem, path=""), []).append(problem.path)
    return [replace(p, path=", ".join(places)) for p, places in found.items()]
