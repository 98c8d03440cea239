"""Judges a working tree: runs what the change can reach, and compares with before."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from openhands_tiered_router.git import GitError
from openhands_tiered_router.guards.verify import baseline, evidence
from openhands_tiered_router.guards.verify.git import Changed, Repository
from openhands_tiered_router.guards.verify.history import (
    Deed,
    OwnChecks,
    Reproduction,
    own_checks,
)
from openhands_tiered_router.guards.verify.judgement import (
    Judgement,
    Reason,
    last_lines,
    of_failures,
)
from openhands_tiered_router.guards.verify.results import Results
from openhands_tiered_router.guards.verify.runners import Plan, plans
from openhands_tiered_router.guards.verify.runs import (
    Commands,
    Earlier,
    Runs,
    earlier,
    of_failing,
)
from openhands_tiered_router.guards.verify.selection import select, tests_among
from openhands_tiered_router.guards.verify.settings import VerifySettings


if TYPE_CHECKING:
    from openhands_tiered_router.graph.snapshot import CodeGraph


@dataclass(frozen=True, slots=True)
class _Work:
    """What is judged."""

    changed: tuple[Changed, ...]
    own: OwnChecks
    request: str
    asked: Reason | None


@dataclass(frozen=True, slots=True)
class Verifier:
    """Verifies a workspace. Blocks for as long as the tests take."""

    root: Path
    settings: VerifySettings
    graph: Callable[[], CodeGraph | None] = lambda: None
    """Asked once there is a change; may wait."""
    cancelled: Callable[[], bool] = lambda: False
    memory: Callable[[Path, str], Earlier] = earlier
    """What earlier rounds in this process found out, by workspace and base tree."""

    def judge(
        self,
        base: str,
        done: Sequence[Deed],
        request: str,
        *,
        asked: Reason | None = None,
    ) -> Judgement:
        """What the work is worth.

        Args:
            base: Git tree before the work, from ``Repository.snapshot``.
            done: The agent's tool calls since then.
            request: The user's words.
            asked: Why the agent was asked a question; it is not asked another.

        Raises:
            Cancelled: The conversation was interrupted.
        """
        try:
            repository = Repository.of(self.root, self.cancelled)
            now = repository.snapshot()
            changed = repository.changes(base, now)
            files = repository.files(now)
        except GitError:
            return Judgement(reason=Reason.NO_GIT)
        if not changed:
            return Judgement(reason=Reason.NO_CHANGE, evidence=_NO_CHANGE)
        if evidence.has_no_effect(repository, base, now, changed):
            return Judgement(reason=Reason.NO_EFFECT, evidence=_NO_EFFECT)
        work = _Work(changed, own_checks(done, changed), request, asked)
        return (
            self._reproduction(work.own)
            or _deleted(changed)
            or self._checked(repository, base, files, work)
        )

    def _reproduction(self, own: OwnChecks) -> Judgement | None:
        if own.reproduction is not Reproduction.FAILS or own.witness is None:
            return None
        said = last_lines(own.witness.output, self.settings.evidence_chars)
        text = (
            f"What failed before your change still fails:\n\n{_command(own)}\n\n{said}"
        )
        return Judgement(reason=Reason.REPRODUCTION_FAILS, evidence=text)

    def _checked(
        self, repository: Repository, base: str, files: Mapping[str, str], work: _Work
    ) -> Judgement:
        """The verdict of tests, then of the project's own checks, then of what ran."""
        known = self.memory(self.root, base)
        runs = Runs(self._commands, repository, base, files, known)
        if self.settings.test_command:
            judged = self._test_command()
        else:
            tests = select(
                tests_among(files),
                work.changed,
                self.graph(),
                self.settings.max_test_files,
                self._text,
            )
            judged = self._tests(runs, tests.files, work)
            judged = replace(judged, left_out=tests.left_out)
        if judged.accepted is False or judged.reason is Reason.OLD_TESTS_FAIL:
            return judged
        failing = self._checks()
        if failing is not None:
            return failing
        if judged.accepted:
            return _shown(judged, runs, work)
        own = work.own
        sure = own.checked and own.reproduction is not Reproduction.STALE
        if judged.reason in _NOTHING_RAN and not sure:
            text = f"{judged.reason.told.capitalize()}. {_not_checked(own)}"
            return Judgement(reason=Reason.NOT_CHECKED, evidence=text)
        return judged

    @property
    def _commands(self) -> Commands:
        return Commands(self.root, self.settings.time_limit, self.cancelled)

    def _tests(self, runs: Runs, files: Sequence[str], work: _Work) -> Judgement:
        """The verdict of some test files."""
        made, unknown = plans(self.root, files)
        if not made:
            return Judgement(reason=Reason.NO_RUNNER if unknown else Reason.NO_TESTS)
        made, now, dropped = runs.isolated(made)
        if loaded := [
            p for p in dropped if any(not r.broken for r in runs.before([p]))
        ]:
            names = "\n".join(f"- {f}" for plan in loaded for f in plan.files[:10])
            text = f"The tests of these files cannot be run any more:\n{names}"
            return Judgement(reason=Reason.TESTS_FAIL, evidence=text)
        if any(results.timed_out for results in now):
            return self._too_slow()
        if all(results.passed for results in now):
            count = sum(len(plan.files) for plan in made)
            return Judgement(reason=Reason.PASSED, tests=count)
        if not any(results.ran or results.broken for results in now):
            return Judgement(reason=Reason.NO_TESTS)
        return self._compared(runs, list(zip(made, now, strict=True)), work)

    def _compared(
        self, runs: Runs, now: Sequence[tuple[Plan, Results]], work: _Work
    ) -> Judgement:
        """The verdict where tests fail: some may have failed before the work."""
        count = sum(len(plan.files) for plan, _ in now)
        bad = [(plan, results) for plan, results in now if not results.passed]
        # Whether any failing test was repaired shows in a run of all alone.
        whole = baseline.speaks_of_failing_tests(work.request)
        before = runs.before([p if whole else of_failing(p, r) for p, r in bad])
        broken = [r.broken for _, r in bad if r.broken]
        if broken:
            if not before or any(r.broken for r in before):
                return Judgement(reason=Reason.RUNNER_FAILED, tests=count)
            text = f"The tests cannot be run any more: {broken[0]}."
            return Judgement(reason=Reason.TESTS_FAIL, evidence=text, tests=count)
        divided = baseline.split(
            [f for _, results in bad for f in results.failures],
            before,
            work.request,
            reproduced=work.own.reproduction is Reproduction.PASSES,
        )
        counted = divided.counted and runs.again(bad, divided.counted)
        judgement = Judgement(
            reason=Reason.PASSED,
            tests=count,
            failing=len(counted),
            already_failing=len(divided.excused),
        )
        if counted:
            text = of_failures(counted, self.settings.evidence_chars)
            failing = [(p, replace(r, failures=counted)) for p, r in bad]
            if not work.asked and _may_be_outdated(failing, before, work.changed):
                text = f"{text}\n\n{OUTDATED} {ASKED}"
                return replace(judgement, reason=Reason.OLD_TESTS_FAIL, evidence=text)
            return replace(judgement, reason=Reason.TESTS_FAIL, evidence=text)
        if not any(results.green for _, results in now):
            return replace(judgement, reason=Reason.NOTHING_PASSES)
        return judgement

    def _text(self, path: str) -> str:
        try:
            return (self.root / path).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""

    def _test_command(self) -> Judgement:
        argv = shlex.split(self.settings.test_command)
        done = self._commands.run(argv)
        if done.code is None:
            return self._too_slow()
        if done.passed:
            return Judgement(reason=Reason.PASSED, tests=1)
        said = last_lines(done.output, self.settings.evidence_chars)
        text = f"{self.settings.test_command} exits with {done.code}:\n\n{said}"
        return Judgement(reason=Reason.TESTS_FAIL, evidence=text, tests=1, failing=1)

    def _checks(self) -> Judgement | None:
        for command in self.settings.commands:
            done = self._commands.run(shlex.split(command))
            if not done.passed:
                said = last_lines(done.output, self.settings.evidence_chars)
                how = "ran out of time" if done.code is None else f"exits {done.code}"
                text = f"The project's check fails: {command} {how}.\n\n{said}"
                return Judgement(reason=Reason.CHECKS_FAIL, evidence=text)
        return None

    def _too_slow(self) -> Judgement:
        """The verdict of tests that were stopped."""
        limit = f"{self.settings.time_limit:g} s"
        text = f"The tests that your change can reach did not end within {limit}."
        return Judgement(reason=Reason.TIME_LIMIT, evidence=text)


def _may_be_outdated(
    failing: Sequence[tuple[Plan, Results]],
    before: Sequence[Results],
    changed: Sequence[Changed],
) -> bool:
    """Whether the request may be to change what these tests check.

    They passed before the work, which left their files as they were. Whether they test
    the changed code itself says nothing: many projects test all through one module.
    """
    failed = {f.test for results in before for f in results.failures}
    if len(before) < len(failing) or any(
        # A test that cannot be read or set up any more checks nothing.
        f.test in failed or not f.named or f.cause.startswith("error ")
        for _, results in failing
        for f in results.failures
    ):
        return False
    paths = {c.path for c in changed}
    return all(paths.isdisjoint(of_failing(p, r).files) for p, r in failing)


def _shown(judged: Judgement, runs: Runs, work: _Work) -> Judgement:
    """Passed only if something notices the change: the reproduction, or a test that
    fails once the change is taken back; and each old test that was out of date."""
    if work.asked is Reason.OLD_TESTS_FAIL and runs.weakened(work.changed):
        return replace(judged, reason=Reason.OLD_TESTS_FAIL)
    passes = work.own.reproduction is Reproduction.PASSES
    if passes or runs.notice(work.changed):
        return judged
    prose = all(c.path.endswith(evidence.PROSE) for c in work.changed)
    text = "" if prose or work.asked else f"{_UNNOTICED} {ASKED}"
    return replace(judged, reason=Reason.NOT_SHOWN, evidence=text)


def _deleted(changed: Sequence[Changed]) -> Judgement | None:
    """Tests that are gone, and did not move elsewhere."""
    gone = tests_among(c.path for c in changed if c.status == "D")
    new = tests_among(c.path for c in changed if c.status == "A")
    if len(gone) <= len(new):
        return None
    names = "\n".join(f"- {path}" for path in gone[:10])
    text = f"These test files are gone; restore them:\n{names}"
    return Judgement(reason=Reason.TESTS_DELETED, evidence=text)


def _command(own: OwnChecks) -> str:
    command = own.witness.command if own.witness else ""
    return f"    {command.splitlines()[0][:200]}" if command else ""


def _not_checked(own: OwnChecks) -> str:
    if own.reproduction is Reproduction.STALE:
        return f"This failed before your change; run it again:\n\n{_command(own)}"
    return "Nothing was run after your last edit: run what shows that it works."


_NOTHING_RAN: Final = (Reason.NO_TESTS, Reason.NO_RUNNER, Reason.RUNNER_FAILED)

_NO_EFFECT: Final = (
    "Only comments, docstrings or blank lines differ: the program does what it did. "
    "Make the change; if only comments were asked for, finish again."
)

_UNNOTICED: Final = "The tests pass, but they pass without your change as well."

OUTDATED: Final = (
    "What fails here passed before your change. If the task asks for what these tests "
    "forbid, bring them up to date; if it does not, repair your change."
)

ASKED: Final = (
    "Add a test to the project's tests that fails without your change and passes with "
    "it, unless there is one; run it, and finish again."
)
"""Ends each question to an agent, which is asked one for each request."""

_NO_CHANGE: Final = (
    "No file has changed. If the task asks for a change, make it; if it asks for none, "
    "finish again."
)
