"""What a conversation teaches of its repository, read off its events without a model.

Commands that work, what mended an error, and what the user decided. Nothing is learned
before a test or a build has exited 0: of a conversation in which nothing ever worked,
nothing is kept.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from openhands_tiered_router.policy.kinds import ActionKind
from openhands_tiered_router.policy.shell import command_kind


MOST_CHARS: Final = 200
"""Of a command or decision; a longer one is specific to its task."""
MOST_PENDING: Final = 20
"""Failures that wait for what mends them, and decisions for a command that works."""

_BUILDS: Final = re.compile(
    r"(?:make|ninja|cmake|tox|nox|cargo (?:build|check)|go (?:build|vet)|tsc|mvn|gradle"
    r"|\./gradlew|(?:npm|pnpm|yarn) (?:ci|run|install)|uv (?:sync|run)|poetry install"
    r"|pip3? install|python3? -m pip install)\b"
)
ENVIRONMENT: Final = re.compile(
    r"\S+: (?:command )?not found|No module named \S+|unrecognized arguments?: \S+"
    r"|no such option: \S+|unknown option \S+|ImproperlyConfigured\b"
    r"|Apps aren't loaded yet|DJANGO_SETTINGS_MODULE|Missing script: \S+"
    r"|No rule to make target \S+|error: externally-managed-environment"
)
"""Failures of the environment, not of the work: the next conversation meets them."""
_DECIDED: Final = re.compile(
    r"(?:^|(?<=[.!?\n]))\s*((?:please |and )?(?:always|never|from now on|do not|don't"
    r"|we (?:use|never|always|do not|don't)|use \S+ (?:instead of|rather than|not)"
    r"|prefer)\b[^.!?\n]*)",
    re.IGNORECASE,
)
_INTO: Final = re.compile(r"^cd\s+[^\s;&|]+\s*&&\s*")
_JOINED: Final = re.compile(r"[;|`\n]|\$\(|<<|(?<![>&\d])&(?!&)")
"""What makes an exit code another's: pipes and lists end with that of their last."""
_WORD: Final = re.compile(r"[\w.\-/]+")


class Kind(StrEnum):
    """What an entry is."""

    WORKS = "works"
    """A test or build command that exited 0."""
    MENDS = "mends"
    """A command that exited 0 after an error of the environment."""
    DECISION = "decision"
    """What the user said of how to work here."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """One thing worth knowing; not redacted yet."""

    kind: Kind
    text: str
    """The command, or the user's words."""
    error: str = ""
    """What the command mended."""


@dataclass(frozen=True, slots=True)
class _Failure:
    error: str
    command: str
    kind: ActionKind


@dataclass(slots=True)
class Lessons:
    """Follows one conversation. No I/O; time in proportion to what is new."""

    _failures: list[_Failure] = field(default_factory=list)
    _decisions: list[str] = field(default_factory=list)
    _installed: str = ""
    """The last command that installed something since the oldest failure."""

    def said(self, text: str) -> None:
        """The user spoke."""
        found = (" ".join(match[1].split()) for match in _DECIDED.finditer(text))
        self._decisions += [each for each in found if 10 <= len(each) <= MOST_CHARS]
        del self._decisions[:-MOST_PENDING]

    def ran(self, command: str, exit_code: int | None, output: str) -> list[Lesson]:
        """A command came to its end; what it teaches."""
        command = plain(command)
        if not command or exit_code is None:
            return []
        kind = command_kind(command)
        if exit_code != 0:
            found = ENVIRONMENT.search(output)
            if found:
                self._failures.append(_Failure(found[0], command, kind))
                del self._failures[:-MOST_PENDING]
            return []
        learned = self._mended(command, kind)
        if kind is ActionKind.INSTALL:
            self._installed = command
        if kind is not ActionKind.TEST and not _BUILDS.match(command):
            return learned
        decided = [Lesson(Kind.DECISION, text) for text in self._decisions]
        self._decisions.clear()
        return [*learned, Lesson(Kind.WORKS, command), *decided]

    def _mended(self, command: str, kind: ActionKind) -> list[Lesson]:
        """What earlier failed and now works: another form of the command mended it, or
        what was installed in between."""
        mended, left = list[Lesson](), list[_Failure]()
        for failure in self._failures:
            if failure.kind is not kind or not _alike(failure.command, command):
                left.append(failure)
            elif failure.command != command:
                mended.append(Lesson(Kind.MENDS, command, failure.error))
            elif self._installed:
                mended.append(Lesson(Kind.MENDS, self._installed, failure.error))
        self._failures = left
        if not left:
            self._installed = ""
        return mended


def plain(command: str) -> str:
    """The command alone, on one line; "" if its exit code is not its own, or it is too
    long to be of use to another task."""
    command = _INTO.sub("", command.strip()).replace("2>&1", "").strip()
    return "" if _JOINED.search(command) or len(command) > MOST_CHARS else command


def words_of(text: str) -> frozenset[str]:
    """What two texts are compared by."""
    return frozenset(word.lower() for word in _WORD.findall(text))


def likeness(a: frozenset[str], b: frozenset[str]) -> float:
    """Share of the words of both that they have in common (Jaccard)."""
    return len(a & b) / len(a | b) if a or b else 1.0


def _alike(failed: str, worked: str) -> bool:
    """Whether both do the same: tests by whatever program, others by the same one."""
    if command_kind(failed) is ActionKind.TEST:
        return True
    return failed.split()[:1] == worked.split()[:1]
