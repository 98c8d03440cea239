"""Which failures tell of trouble: those that nobody expected."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final

from openhands_tiered_router.policy.actions import Action
from openhands_tiered_router.policy.kinds import ActionKind


_RUNS: Final = frozenset({ActionKind.TEST, ActionKind.SNIPPET, ActionKind.RUN})
"""Kinds that run the project's code, whose failure may be what was asked for."""

_NEVER_RAN: Final = frozenset({-1, 124, 126, 127, 137})
"""Timed out, not executable, not found, killed: no verdict of the program's own."""

TEST_FILE: Final = re.compile(
    r"(?:^|/)(?:tests?|specs?|__tests__)/|(?:^|/)(?:test_|conftest\.)"
    r"|(?:_test|_spec|\.test|\.spec)\.\w+$"
)


@dataclass(frozen=True, slots=True)
class Edits:
    """What an agent has changed so far, as far as it bears on failing checks."""

    sources: bool = False
    """Whether it changed anything but tests."""
    sources_since: bool = False
    """The same, since it last ran tests."""
    tests_since: bool = False
    """Whether it changed tests since it last ran them."""

    def after(self, action: Action) -> Edits:
        """With an action that has its result."""
        if action.kind is ActionKind.TEST:
            return Edits(sources=self.sources)
        if action.kind is not ActionKind.EDIT or action.trouble:
            return self
        if action.paths and all(map(TEST_FILE.search, action.paths)):
            return replace(self, tests_since=True)
        return replace(self, sources=True, sources_since=True)

    def before(self, later: Edits) -> Edits:
        """These and then those."""
        return replace(later, sources=self.sources or later.sources)


def judged(action: Action, edits: Edits) -> Action:
    """The action, with its result, and whether that tells of trouble.

    Expected is that a check fails before the first edit of the sources, or right after
    only tests were changed: it shows the fault that is to be fixed. Expected is also
    the exit code 1 of a search without a match or a comparison that differs.

    Args:
        action: With its result.
        edits: Those before it.
    """
    return replace(action, trouble=_failed(action) and not _expected(action, edits))


def _failed(action: Action) -> bool:
    """A failure by exit code or the tool's word. Only of what runs code does the text
    count: a source file that is read may speak of errors."""
    if action.exit_code or action.tool_error:
        return True
    return action.kind in _RUNS and bool(action.failed)


def _expected(action: Action, edits: Edits) -> bool:
    if action.exit_code in _NEVER_RAN:
        return False
    if action.may_answer_one and action.exit_code == 1:
        return True
    only_tests = edits.tests_since and not edits.sources_since
    return action.kind in _RUNS and (not edits.sources or only_tests)
