"""Judges a working tree: runs what the change can reach, and compares with before."""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from openhands_tiered_router.git import GitError
from openhands_tiered_router.guards.verify import baseline, evidence, process
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
from openhands_tiered_router.guards.verify.results import Failure, Results, results_of
from openhands_tiered_router.guards.verify.runners import (
    JEST,
    JUNIT,
    REPORT,
    Plan,
    plans,
)
from openhands_tiered_router.guards.verify.selection import select, tests_among
from openhands_tiered_router.guards.verify.settings import VerifySettings


if TYPE_CHECKING:
    from openhands_tiered_router.graph.snapshot import CodeGraph


@dataclass(frozen=True, slots=True)
class Verifier:
    """Verifies a workspace. Blocks for as long as the tests take."""

    root: Path
    settings: VerifySettings
    graph: Callable[[], CodeGraph | None] = lambda: None
    """Asked once there is a change; may wait."""
    cancelled: Callable[[], bool] = lambda: False

    def judge(self, base: str, done: Sequence[Deed], request: str) -> Judgement:
        """What the work is worth.

        Args:
            base: Git tree before the work, from ``Repository.snapshot``.
            done: The agent's tool calls since then.
            request: The user's words.

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
        own = own_checks(done, changed)
        return (
            self._reproduction(own)
            or _deleted(changed)
            or self._checked(repository, base, changed, files, own, request)
        )

    def _reproduction(self, own: OwnChecks) -> Judgement | None:
        if own.reproduction is not Reproduction.FAILS or own.witness is None:
            return None
        said = last_lines(own.witness.output, self.settings.evidence_chars)
        text = f"What failed before your change still fails:\n\n{_shown(own)}\n\n{said}"
        return Judgement(reason=Reason.REPRODUCTION_FAILS, evidence=text)

    def _checked(
        self,
        repository: Repository,
        base: str,
        changed: Sequence[Changed],
        files: Sequence[str],
        own: OwnChecks,
        request: str,
    ) -> Judgement:
        """The verdict of tests, then of the project's own checks, then of what ran."""
        runs = _Runs(self, repository, base)
        if self.settings.test_command:
            judged = self._own_tests()
        else:
            tests = select(
                tests_among(files),
                changed,
                self.graph(),
                self.settings.max_test_files,
                self._text,
            )
            judged = runs.judge(tests.files, tests.left_out, own, request)
        if judged.accepted is False:
            return judged
        failing = self._commands()
        if failing is not None:
            return failing
        if judged.accepted and own.reproduction is not Reproduction.PASSES:
            return self._shown(judged, runs, changed)
        sure = own.checked and own.reproduction is not Reproduction.STALE
        if judged.reason in _NOTHING_RAN and not sure:
            text = f"{judged.reason.told.capitalize()}. {_not_checked(own)}"
            return Judgement(reason=Reason.NOT_CHECKED, evidence=text)
        return judged

    def _shown(
        self, judged: Judgement, runs: _Runs, changed: Sequence[Changed]
    ) -> Judgement:
        """Passed only if a test notices that the change is taken back."""
        if runs.notice(changed):
            return judged
        prose = all(c.path.endswith(evidence.PROSE) for c in changed)
        text = "" if prose else NOT_SHOWN
        return replace(judged, reason=Reason.NOT_SHOWN, evidence=text)

    def _text(self, path: str) -> str:
        try:
            return (self.root / path).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""

    def _own_tests(self) -> Judgement:
        argv = shlex.split(self.settings.test_command)
        done = self.run(argv)
        if done.code is None:
            return self.too_slow()
        if done.passed:
            return Judgement(reason=Reason.PASSED, tests=1)
        said = last_lines(done.output, self.settings.evidence_chars)
        text = f"{self.settings.test_command} exits with {done.code}:\n\n{said}"
        return Judgement(reason=Reason.TESTS_FAIL, evidence=text, tests=1, failing=1)

    def _commands(self) -> Judgement | None:
        for command in self.settings.commands:
            done = self.run(shlex.split(command))
            if not done.passed:
                said = last_lines(done.output, self.settings.evidence_chars)
                how = "ran out of time" if done.code is None else f"exits {done.code}"
                text = f"The project's check fails: {command} {how}.\n\n{said}"
                return Judgement(reason=Reason.CHECKS_FAIL, evidence=text)
        return None

    def too_slow(self) -> Judgement:
        """The verdict of tests that were stopped."""
        limit = f"{self.settings.time_limit:g} s"
        text = f"The tests that your change can reach did not end within {limit}."
        return Judgement(reason=Reason.TIME_LIMIT, evidence=text)

    def run(
        self, argv: Sequence[str], cwd: Path | None = None, **variables: str
    ) -> process.Finished:
        """Run a command within the limits; one that cannot start has failed."""
        try:
            return process.run(
                argv,
                cwd or self.root,
                seconds=self.settings.time_limit,
                cancelled=self.cancelled,
                # Ids of parametrized tests may depend on the order of a set.
                variables={
                    "PYTHONDONTWRITEBYTECODE": "1",
                    "PYTHONHASHSEED": "0",
                    **variables,
                },
            )
        except OSError as error:
            return process.Finished(127, f"{argv[0]}: {type(error).__name__}")


@dataclass(frozen=True, slots=True)
class _Runs:
    """Test files run on the tree as it is, and where they fail as it was."""

    verifier: Verifier
    repository: Repository
    base: str
    ran: list[tuple[Plan, Results]] = field(default_factory=list)
    """What was run on the tree as it is."""

    def judge(
        self, files: Sequence[str], left_out: int, own: OwnChecks, request: str
    ) -> Judgement:
        made, unknown = plans(self.verifier.root, files)
        if not made:
            reason = Reason.NO_RUNNER if unknown else Reason.NO_TESTS
            return Judgement(reason=reason, left_out=left_out)
        made, now, broken = self._isolated(made)
        self.ran.extend(zip(made, now, strict=True))
        if broken is not None:
            return broken
        if any(results.timed_out for results in now):
            return self.verifier.too_slow()
        if all(results.passed for results in now):
            count = sum(len(plan.files) for plan in made)
            return Judgement(reason=Reason.PASSED, tests=count, left_out=left_out)
        if not any(results.ran or results.broken for results in now):
            return Judgement(reason=Reason.NO_TESTS, left_out=left_out)
        return self._compare(made, now, own, request)

    def _compare(
        self,
        made: Sequence[Plan],
        now: Sequence[Results],
        own: OwnChecks,
        request: str,
    ) -> Judgement:
        count = sum(len(plan.files) for plan in made)
        limit = self.verifier.settings.evidence_chars
        bad = [p for p, r in zip(made, now, strict=True) if not r.passed]
        before = self._before(bad)
        broken = [r.broken for r in now if r.broken]
        if broken:
            if not before or any(r.broken for r in before):
                return Judgement(reason=Reason.RUNNER_FAILED, tests=count)
            text = f"The tests cannot be run any more: {broken[0]}."
            return Judgement(reason=Reason.TESTS_FAIL, evidence=text, tests=count)
        divided = baseline.split(
            [f for results in now for f in results.failures],
            before,
            request,
            reproduced=own.reproduction is Reproduction.PASSES,
        )
        if divided.counted:
            divided = replace(divided, counted=self._again(bad, divided.counted))
        judgement = Judgement(
            reason=Reason.PASSED,
            tests=count,
            failing=len(divided.counted),
            already_failing=len(divided.excused),
        )
        if divided.counted:
            text = of_failures(divided.counted, limit)
            return replace(judgement, reason=Reason.TESTS_FAIL, evidence=text)
        if not any(results.green for results in now):
            return replace(judgement, reason=Reason.NOTHING_PASSES)
        return judgement

    def _isolated(
        self, made: Sequence[Plan]
    ) -> tuple[list[Plan], list[Results], Judgement | None]:
        """Run the plans, without the tests below a ``conftest.py`` that fails to load:
        pytest would run none of the others. One that did load before is a rejection."""
        plans_, results, dropped = list(made), [], []
        for at, plan in enumerate(plans_):
            found = self._now(plan)
            while found.conftest and plan.report == JUNIT:
                out = [f for f in plan.files if f.startswith(found.conftest)]
                if not out or len(out) == len(plan.files):
                    break
                dropped.append(_only(plan, out))
                plan = _only(plan, [f for f in plan.files if f not in out])
                found = self._now(plan)
            plans_[at] = plan
            results.append(found)
        for plan in dropped:
            before = self._before([plan])
            if before and not before[0].broken:
                text = f"The tests of these files cannot be run any more: {plan.files}"
                return (
                    plans_,
                    results,
                    Judgement(reason=Reason.TESTS_FAIL, evidence=text),
                )
        return plans_, results, None

    def _again(
        self, bad: Sequence[Plan], counted: Sequence[Failure]
    ) -> tuple[Failure, ...]:
        """Those of the new failures that fail a second time, too."""
        failed = {f.test for plan in bad for f in self._now(plan).failures}
        return tuple(f for f in counted if f.test in failed)

    def notice(self, changed: Sequence[Changed]) -> bool:
        """Whether a test that passes now fails once the change is taken back."""
        root = self.verifier.root
        files = [f for f in evidence.own_tests(changed) if (root / f).is_file()]
        own = [(plan, self._now(plan)) for plan in plans(root, files)[0]]
        for plan, now in own or self.ran:
            try:
                with evidence.taken_back(
                    self.repository, self.base, root, changed
                ) as copy:
                    without = self._on(copy, plan)
            except GitError:
                return False
            if without is None or now.broken or not now.green:
                continue
            found, sure = evidence.noticed(now.failures, without)
            if found and (sure or self._holds_in_a_copy(plan, now)):
                return True
        return False

    def _holds_in_a_copy(self, plan: Plan, now: Results) -> bool:
        """Whether the tests pass in a copy with the change: else it is the copy's lack
        that they fail by, not the change's."""
        try:
            with self.repository.checked_out(self.repository.snapshot()) as copy:
                found = self._on(copy, plan)
        except GitError:
            return False
        return (
            found is not None
            and found.green
            and not found.broken
            and ({f.test for f in found.failures} <= {f.test for f in now.failures})
        )

    def _now(self, plan: Plan) -> Results:
        with tempfile.TemporaryDirectory(prefix="tiered-router-") as name:
            report = Path(name) / plan.report
            place = self.verifier.root / plan.cwd
            done = self.verifier.run(_filled(plan.argv, report), place)
            return results_of(plan, done, report, self.verifier.root)

    def _before(self, bad: Sequence[Plan]) -> list[Results]:
        """The same tests on the tree before; empty: that cannot be known."""
        try:
            with self.repository.checked_out(self.base) as copy:
                return [r for plan in bad if (r := self._on(copy, plan)) is not None]
        except GitError:
            return []

    def _on(self, copy: Path, plan: Plan) -> Results | None:
        root = self.verifier.root
        old = [f for f in plan.files if (copy / f).is_file()]
        if plan.report == JEST and not baseline.lend_modules(root, copy, old):
            return None
        again = next((p for p in plans(copy, old)[0] if p.runner == plan.runner), None)
        if again is None:
            return None
        argv = list(again.argv)
        with tempfile.TemporaryDirectory(prefix="tiered-router-") as name:
            report, leaked = Path(name) / plan.report, Path(name) / "leaked"
            variables: dict[str, str] = {}
            if plan.report == JUNIT:
                # The copy has no environment of its own.
                argv[:3] = [plan.argv[0], "-m", "pytest", "-p", baseline.PROBE_NAME]
                (Path(name) / f"{baseline.PROBE_NAME}.py").write_text(baseline.PROBE)
                variables = {
                    "PYTHONPATH": baseline.import_path(copy, Path(name)),
                    "TIERED_ROUTER_CHANGED": str(root.resolve()),
                    "TIERED_ROUTER_LEAKED": str(leaked),
                }
            place = copy / again.cwd
            done = self.verifier.run(_filled(argv, report), place, **variables)
            return None if leaked.exists() else results_of(again, done, report, copy)


def _deleted(changed: Sequence[Changed]) -> Judgement | None:
    """Tests that are gone, and did not move elsewhere."""
    gone = tests_among(c.path for c in changed if c.status == "D")
    new = tests_among(c.path for c in changed if c.status == "A")
    if len(gone) <= len(new):
        return None
    names = "\n".join(f"- {path}" for path in gone[:10])
    text = f"These test files are gone; restore them:\n{names}"
    return Judgement(reason=Reason.TESTS_DELETED, evidence=text)


def _only(plan: Plan, files: Sequence[str]) -> Plan:
    """The plan for some of its files; of pytest."""
    rest = plan.argv[: len(plan.argv) - len(plan.files)]
    argv = (*rest, *(f"./{f}" for f in files))
    return replace(plan, argv=argv, files=tuple(files))


def _filled(argv: Sequence[str], report: Path) -> list[str]:
    return [a.replace(REPORT, str(report)) for a in argv]


def _shown(own: OwnChecks) -> str:
    command = own.witness.command if own.witness else ""
    return f"    {command.splitlines()[0][:200]}" if command else ""


def _not_checked(own: OwnChecks) -> str:
    if own.reproduction is Reproduction.STALE:
        return f"This failed before your change; run it again:\n\n{_shown(own)}"
    return "Nothing was run after your last edit: run what shows that it works."


_NOTHING_RAN: Final = (Reason.NO_TESTS, Reason.NO_RUNNER, Reason.RUNNER_FAILED)

_NO_EFFECT: Final = (
    "Only comments, docstrings or blank lines differ: the program does what it did. "
    "Make the change; if only comments were asked for, finish again."
)

NOT_SHOWN: Final = (
    "The tests pass, but they pass without your change as well. Add a test to the "
    "project's tests that fails without your change and passes with it, run it, and "
    "finish again."
)

_NO_CHANGE: Final = (
    "No file has changed. If the task asks for a change, make it; if it asks for none, "
    "finish again."
)
