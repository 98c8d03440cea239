"""Test files run on the tree as it is, as it was, and with the change taken back.

Tests are what a verdict waits for, so none runs twice for the same answer: what held in
an earlier round of this process is not run again on the same code, and what the tree
before the work came to is kept with that tree.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from openhands_tiered_router.git import GitError
from openhands_tiered_router.guards.verify import baseline, evidence, process
from openhands_tiered_router.guards.verify.git import Changed, Repository
from openhands_tiered_router.guards.verify.results import Failure, Results, results_of
from openhands_tiered_router.guards.verify.runners import (
    JEST,
    JUNIT,
    REPORT,
    Plan,
    plans,
)


@dataclass(frozen=True, slots=True)
class Commands:
    """How a workspace's commands are run."""

    root: Path
    time_limit: float
    """Seconds for each."""
    cancelled: Callable[[], bool] = lambda: False

    def run(
        self, argv: Sequence[str], cwd: Path | None = None, **variables: str
    ) -> process.Finished:
        """Run a command within the limits; one that cannot start has failed."""
        try:
            return process.run(
                argv,
                cwd or self.root,
                seconds=self.time_limit,
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


@dataclass(slots=True)
class Earlier:
    """What rounds before this one found out about the work on one base tree."""

    before: dict[Plan, Results | None] = field(default_factory=dict)
    """What a plan came to on the tree before the work."""
    held: dict[str, set[tuple[str, str]]] = field(default_factory=dict)
    """Test files that passed, as (path, blob), by the code that they ran on."""


_TEST: Final = re.compile(r"(?:^|/)(?:test_[^/]*|[^/]*_test)\.py$")
"""Pytest's own custom; other files among tests are conftests and helpers."""
_WORKS: Final = 16
"""Works whose earlier rounds are kept: more conversations than one process verifies at
a time; an entry is some kilobytes."""

_earlier: OrderedDict[tuple[str, str], Earlier] = OrderedDict()


def earlier(root: Path, base: str) -> Earlier:
    """What this process knows of the work on ``base`` in a workspace."""
    key = (str(root.resolve()), base)
    found = _earlier.pop(key, None) or Earlier()
    _earlier[key] = found
    while len(_earlier) > _WORKS:
        _earlier.popitem(last=False)
    return found


@dataclass(frozen=True, slots=True)
class Runs:
    """The runs of one verdict."""

    commands: Commands
    repository: Repository
    base: str
    """Git tree before the work."""
    blobs: Mapping[str, str]
    """Ids of the files of the tree as it is."""
    earlier: Earlier
    ran: list[tuple[Plan, Results]] = field(default_factory=list)
    """What was run on the tree as it is."""

    @property
    def root(self) -> Path:
        return self.commands.root

    def isolated(
        self, made: Sequence[Plan]
    ) -> tuple[list[Plan], list[Results], list[Plan]]:
        """Run plans on the tree as it is, without tests that keep others from running.

        Pytest runs nothing where one ``conftest.py`` fails to load.

        Returns:
            Plans, their results, and plans of the tests below such a ``conftest.py``.
        """
        kept, results, dropped = [], [], []
        for plan in made:
            found = self._new(plan)
            while found.conftest and plan.report == JUNIT:
                out = [f for f in plan.files if f.startswith(found.conftest)]
                if not out or len(out) == len(plan.files):
                    break
                dropped.append(only(plan, out))
                plan = only(plan, [f for f in plan.files if f not in out])
                found = self._new(plan)
            kept.append(plan)
            results.append(found)
        self.ran.extend(zip(kept, results, strict=True))
        return kept, results, dropped

    def _new(self, plan: Plan) -> Results:
        """The plan's results; what held on the same code before is not run again."""
        held = self.earlier.held.setdefault(self._code(), set())
        mine = {f: (f, self.blobs.get(f, "")) for f in plan.files}
        left = [f for f in plan.files if mine[f] not in held]
        if not left:
            return Results(ran=True, green=True)
        narrowed = only(plan, left) if plan.report == JUNIT else plan
        found = self.now(narrowed)
        if found.passed:
            held.update(mine[f] for f in narrowed.files)
        if len(narrowed.files) == len(plan.files) or found.broken:
            return found
        return replace(found, ran=True, green=True)

    def _code(self) -> str:
        """Names the state of everything but test files; what these share is in it."""
        rest = sorted((p, b) for p, b in self.blobs.items() if not _TEST.search(p))
        return hashlib.sha256(repr(rest).encode()).hexdigest()

    def again(
        self, bad: Sequence[tuple[Plan, Results]], counted: Sequence[Failure]
    ) -> tuple[Failure, ...]:
        """Those of the new failures that fail a second time, too."""
        found = [self.now(of_failing(plan, results)) for plan, results in bad]
        failed = {failure.test for results in found for failure in results.failures}
        return tuple(f for f in counted if f.test in failed)

    def notice(self, changed: Sequence[Changed]) -> bool:
        """Whether a test that passes now fails once the change is taken back."""
        files = [f for f in evidence.own_tests(changed) if (self.root / f).is_file()]
        ran = [(p, r) for p, r in self.ran if r.green and not r.broken]
        own = [(p, self._of_own(p)) for p in plans(self.root, files)[0]]
        return any(
            self._notices(plan, now, changed) for plan, now in own or ran if now.green
        )

    def weakened(self, changed: Sequence[Changed]) -> bool:
        """Whether an old test fails as it was, and as it is does not notice why."""
        old = evidence.own_tests([c for c in changed if c.status == "M"])
        # Where nothing reports test by test, a build that fails hides the others.
        return any(
            self._weakened(plan, changed)
            for plan in plans(self.root, old)[0]
            if plan.report
        )

    def _weakened(self, plan: Plan, changed: Sequence[Changed]) -> bool:
        place = evidence.with_old_tests(self.repository, self.base, changed)
        old, without = self._in(place, plan), self._without(plan, changed)
        if old is None or without is None:
            return False
        return evidence.weakened(old, without)

    def _of_own(self, plan: Plan) -> Results:
        """Results of changed tests, which may be part of what was run."""
        for whole, results in self.ran:
            if results.passed and set(plan.files) <= set(whole.files):
                return results
        return self.now(plan)

    def _notices(self, plan: Plan, now: Results, changed: Sequence[Changed]) -> bool:
        without = self._without(plan, changed)
        if without is None:
            return False
        found, sure = evidence.noticed(now.failures, without)
        return found and (sure or self._holds_in_a_copy(plan, now))

    def _without(self, plan: Plan, changed: Sequence[Changed]) -> Results | None:
        """The plan without the change, but with its tests."""
        if not any(evidence.is_of_tests(c.path) for c in changed):
            return next(iter(self.before([plan])), None)
        return self._in(
            evidence.taken_back(self.repository, self.base, self.root, changed), plan
        )

    def _holds_in_a_copy(self, plan: Plan, now: Results) -> bool:
        """Whether the tests pass in a copy with the change: else it is the copy's lack
        that they fail by, not the change's."""
        place = self.repository.checked_out(self.repository.snapshot())
        found = self._in(place, plan)
        return (
            found is not None
            and found.green
            and not found.broken
            and ({f.test for f in found.failures} <= {f.test for f in now.failures})
        )

    def now(self, plan: Plan) -> Results:
        """Run a plan on the tree as it is."""
        with tempfile.TemporaryDirectory(prefix="tiered-router-") as name:
            report = Path(name) / plan.report
            done = self.commands.run(_filled(plan.argv, report), self.root / plan.cwd)
            return results_of(plan, done, report, self.root)

    def before(self, made: Sequence[Plan]) -> list[Results]:
        """Plans on the tree before the work; those that cannot be known are missing."""
        known, found = self.earlier.before, []
        for plan in made:
            if plan not in known:
                place = self.repository.checked_out(self.base)
                results = self._in(place, plan)
                # What npm installs is in the workspace, and no part of the tree.
                if plan.report == JUNIT:
                    known[plan] = results
            else:
                results = known[plan]
            if results is not None:
                found.append(results)
        return found

    def _in(self, place: AbstractContextManager[Path], plan: Plan) -> Results | None:
        try:
            with place as copy:
                return self._on(copy, plan)
        except GitError:
            return None

    def _on(self, copy: Path, plan: Plan) -> Results | None:
        old = [f for f in plan.files if (copy / f).is_file()]
        if plan.report == JEST and not baseline.lend_modules(self.root, copy, old):
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
                    "TIERED_ROUTER_CHANGED": str(self.root.resolve()),
                    "TIERED_ROUTER_LEAKED": str(leaked),
                }
            filled = _filled(argv, report)
            done = self.commands.run(filled, copy / again.cwd, **variables)
            return None if leaked.exists() else results_of(again, done, report, copy)


def of_failing(plan: Plan, results: Results) -> Plan:
    """The plan for those of its files in which tests failed.

    The whole plan where that is not known: only pytest names a test by its module.
    """
    if plan.report != JUNIT or results.broken:
        return plan
    modules = {f: f.removesuffix(".py").replace("/", ".") for f in plan.files}
    tests = [f.test.replace("/", ".") for f in results.failures]
    found = [
        {f for f, module in modules.items() if _is_in(test, module)} for test in tests
    ]
    if not all(found):
        return plan
    failing = set().union(*found)
    return only(plan, [f for f in plan.files if f in failing])


def _is_in(test: str, module: str) -> bool:
    return test.startswith(module) and test[len(module) : len(module) + 1] in ".:"


def only(plan: Plan, files: Sequence[str]) -> Plan:
    """The plan for some of its files; of pytest."""
    rest = plan.argv[: len(plan.argv) - len(plan.files)]
    argv = (*rest, *(f"./{f}" for f in files))
    return replace(plan, argv=argv, files=tuple(files))


def _filled(argv: Sequence[str], report: Path) -> list[str]:
    return [a.replace(REPORT, str(report)) for a in argv]
