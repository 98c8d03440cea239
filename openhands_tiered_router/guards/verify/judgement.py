"""What a verification says, and in which words it goes back to the agent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from openhands_tiered_router.guards.verify.results import Failure


class Reason(StrEnum):
    """Why work is accepted, rejected or not judged."""

    PASSED = "passed"
    NO_CHANGE = "no_change"
    """The working tree is as it was."""
    REPRODUCTION_FAILS = "reproduction_fails"
    """A command that failed before the first edit still fails after the last one."""
    OLD_TESTS_FAIL = "old_tests_fail"
    """Tests that passed before fail, and the work left their files as they were. The
    agent is asked once whether they are out of date; if they still fail after that, it
    is ``TESTS_FAIL``; if they pass and do not notice the change, this is no verdict."""
    TESTS_DELETED = "tests_deleted"
    TESTS_FAIL = "tests_fail"
    TIME_LIMIT = "time_limit"
    """The tests did not end in time."""
    CHECKS_FAIL = "checks_fail"
    NOT_CHECKED = "not_checked"
    """Nothing was run after the last edit, and there are no tests to run."""
    NO_EFFECT = "no_effect"
    """Only comments or docstrings differ."""
    NOT_SHOWN = "not_shown"
    """The tests pass, with the change and without it: nothing shows that it matters.
    The agent is asked once for a test or a reproduction; then this is no verdict."""
    SECOND_LOOK = "second_look"
    """A model that read the change rejects it."""
    NO_TESTS = "no_tests"
    """No test reaches the change, and none is near it."""
    NO_RUNNER = "no_runner"
    """There are tests, but it is not known how they are run."""
    RUNNER_FAILED = "runner_failed"
    """The runner could not run the tests, without the change either."""
    NOTHING_PASSES = "nothing_passes"
    """All tests that were run failed without the change too."""
    NO_GIT = "no_git"
    """There is no git repository, or git fails: what changed is not known."""
    ERROR = "error"
    """A fault of the verifier."""

    @property
    def told(self) -> str:
        """For the user."""
        return _TOLD[self]


_TOLD: Final = {
    Reason.PASSED: "it passed",
    Reason.NO_CHANGE: "no file has changed",
    Reason.REPRODUCTION_FAILS: "a command that failed before still fails",
    Reason.OLD_TESTS_FAIL: "old tests that failed were changed, and do not notice it",
    Reason.TESTS_DELETED: "test files are gone",
    Reason.TESTS_FAIL: "tests that the change can reach fail",
    Reason.TIME_LIMIT: "the tests did not end in time",
    Reason.CHECKS_FAIL: "a configured check fails",
    Reason.NOT_CHECKED: "nothing was run after the last edit",
    Reason.NO_EFFECT: "nothing but comments has changed",
    Reason.NOT_SHOWN: "no test and no reproduction notices the change",
    Reason.SECOND_LOOK: "the model that read the change rejects it",
    Reason.NO_TESTS: "no test was found that reaches the change",
    Reason.NO_RUNNER: "it is not known how its tests are run; set verify.test_command",
    Reason.RUNNER_FAILED: "the tests could not be run, before the change either",
    Reason.NOTHING_PASSES: "all tests that reach the change failed before it too",
    Reason.NO_GIT: "git cannot tell what changed: there is no repository, or git fails",
    Reason.ERROR: "the verifier itself failed",
}


REJECTIONS: Final = frozenset(
    {
        Reason.NO_CHANGE,
        Reason.REPRODUCTION_FAILS,
        Reason.TESTS_DELETED,
        Reason.TESTS_FAIL,
        Reason.TIME_LIMIT,
        Reason.CHECKS_FAIL,
        Reason.NOT_CHECKED,
        Reason.NO_EFFECT,
        Reason.SECOND_LOOK,
    }
)
"""What the agent is asked to put right; other reasons it can do nothing about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What a verifier makes of a state of the working tree."""

    reason: Reason
    evidence: str = ""
    """For the agent: what to put right, and what shows it; with work that is not judged
    a question to the agent."""
    tests: int = 0
    """Test files that were run."""
    failing: int = 0
    """Tests that the change made fail, or was to repair."""
    already_failing: int = 0
    """Tests that failed in the same way without the change."""
    left_out: int = 0
    """Test files that the change may reach, beyond the limit."""

    @property
    def accepted(self) -> bool | None:
        """``None``: it could not be judged, which is no acceptance."""
        if self.reason is Reason.PASSED:
            return True
        return False if self.reason in REJECTIONS else None


def last_lines(text: str, limit: int) -> str:
    """The end of a text in whole lines, at most ``limit`` characters."""
    text = text.strip("\n")
    if len(text) <= limit:
        return text
    end = text[-limit:]
    return "[...]\n" + end.partition("\n")[2]


def of_failures(failures: Sequence[Failure], limit: int) -> str:
    """The first failure's last lines, and the names of the others."""
    first, *others = failures
    said = f"{first.test} fails:\n\n{last_lines(first.evidence, limit)}"
    if not others:
        return said
    names = "\n".join(f"- {f.test}" for f in others[:_NAMES])
    more = f"\n- and {len(others) - _NAMES} more" if len(others) > _NAMES else ""
    return f"{said}\n\nThese fail too:\n{names}{more}"


_NAMES: Final = 10
