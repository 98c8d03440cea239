"""What a run of tests came to, test by test."""

from __future__ import annotations

import errno
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree

from openhands_tiered_router.guards.verify.process import Finished
from openhands_tiered_router.guards.verify.runners import JEST, Plan


MAX_REPORT_BYTES: Final = 20_000_000
"""Of a report; one of 20 test files has some 100 kB."""

_ERROR_LINE: Final = re.compile(r"^E\s+(.*\S)", re.MULTILINE)
_CONFTEST: Final = re.compile(r"while loading conftest '([^']+)'")
_NO_TESTS: Final = 5
"""Pytest's exit code if it found no test."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One test that failed."""

    test: str
    cause: str
    """What tells this failure of the test from another: the exception's type, or of a
    file that cannot be read at all its whole message."""
    evidence: str = ""
    named: bool = True
    """Whether it is one test; a whole run that failed is comparable to no other."""

    def same(self, other: Failure) -> bool:
        return self.named and (self.test, self.cause) == (other.test, other.cause)


@dataclass(frozen=True, slots=True)
class Results:
    """What one plan came to."""

    ran: bool
    """Whether any test was run."""
    green: bool = False
    """Whether any test passed."""
    failures: tuple[Failure, ...] = ()
    timed_out: bool = False
    broken: str = ""
    """Why nothing can be said: the runner itself failed. "": it did not."""
    conftest: str = ""
    """Directory of the ``conftest.py`` that it could not load, with a final slash."""

    @property
    def passed(self) -> bool:
        return self.ran and not (self.failures or self.timed_out or self.broken)


def results_of(plan: Plan, done: Finished, report: Path, root: Path) -> Results:
    """Read a finished run.

    Args:
        plan: What was run.
        done: How it ended.
        report: The file that stood for ``REPORT``.
        root: Where it ran; its path is left out of what is compared.
    """
    if done.code is None:
        return Results(ran=True, timed_out=True)
    if plan.report:
        return (_of_jest if plan.report == JEST else _of_pytest)(done, report, root)
    failed = plan.failed.findall(done.output) if plan.failed else []
    failures = [Failure(name, "", done.output) for name in dict.fromkeys(failed)]
    ran = plan.ran is None or plan.ran.search(done.output) is not None
    if done.code and not failures:
        if not ran:
            return Results(ran=False, broken=f"{plan.runner} exited with {done.code}")
        failures = [Failure(plan.runner, "", done.output, named=False)]
    return Results(ran, green=ran and not done.code, failures=tuple(failures))


def _of_pytest(done: Finished, report: Path, root: Path) -> Results:
    if done.code == _NO_TESTS:
        return Results(ran=False)
    try:
        cases = list(ElementTree.fromstring(_read(report)).iter("testcase"))
    except (OSError, ElementTree.ParseError):
        broken = f"pytest exited with {done.code}: no report"
        return Results(ran=False, broken=broken, conftest=_conftest(done, root))
    failures = [f for case in cases if (f := _failure(case, root)) is not None]
    if done.code and not failures:
        return Results(ran=False, broken=f"pytest exited with {done.code}")
    # Skipped ones say nothing: all of them may want a service that is not there.
    skipped = sum(case.find("skipped") is not None for case in cases)
    return Results(
        ran=len(cases) > skipped,
        green=len(cases) > skipped + len(failures),
        failures=tuple(failures),
    )


def _conftest(done: Finished, root: Path) -> str:
    found = _CONFTEST.search(done.output)
    place = (root / found[1]).resolve().parent if found else root.resolve()
    top = root.resolve()
    return (
        f"{place.relative_to(top).as_posix()}/"
        if place.is_relative_to(top) and (place != top)
        else ""
    )


def _of_jest(done: Finished, report: Path, root: Path) -> Results:
    try:
        files = json.loads(_read(report))["testResults"]
        tests = [test["status"] for file in files for test in file["assertionResults"]]
        failures = [f for file in files for f in _failed_in(file, root)]
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return Results(ran=False, broken=f"exit code {done.code}, and no report")
    ran = "passed" in tests or "failed" in tests
    if done.code and not failures:
        if not ran:
            return Results(ran=False, broken=f"exit code {done.code}")
        failures = [Failure("the run", "", done.output, named=False)]
    return Results(ran, green="passed" in tests, failures=tuple(failures))


def _failed_in(file: Mapping[str, Any], root: Path) -> Iterator[Failure]:
    """The failed tests of one file; itself, if it cannot be run at all."""
    path = Path(file["name"]).resolve()
    if path.is_relative_to(root.resolve()):
        path = path.relative_to(root.resolve())
    failed = [t for t in file["assertionResults"] if t["status"] == "failed"]
    for test in failed:
        text = "\n".join(test["failureMessages"])
        cause = _type(text.splitlines())
        yield Failure(f"{path.as_posix()}::{test['fullName']}", cause, text)
    if file["status"] == "failed" and not failed:
        text = str(file["message"]).replace(str(root.resolve()), ".")
        yield Failure(path.as_posix(), text, text)


def _read(report: Path) -> str:
    """Its text.

    Raises:
        OSError: It is not there, or longer than any report is.
    """
    if report.stat().st_size > MAX_REPORT_BYTES:
        raise OSError(errno.EFBIG, "too large")
    return report.read_text(encoding="utf-8", errors="replace")


def _failure(case: ElementTree.Element, root: Path) -> Failure | None:
    for kind in ("failure", "error"):
        found = case.find(kind)
        if found is not None:
            text = (found.text or found.get("message") or "").replace(str(root), ".")
            lines = _ERROR_LINE.findall(text)
            at_collection = not case.get("classname")
            cause = " ".join(lines) if at_collection else _type(lines)
            name = f"{case.get('classname', '')}::{case.get('name', '')}".strip(":")
            return Failure(name, f"{kind} {cause}", text)
    return None


def _type(lines: Sequence[str]) -> str:
    """The exception's type; of a plain ``assert`` pytest shows the expression alone."""
    match = re.match(r"([A-Za-z_][\w.]*)(?::|$)", lines[0]) if lines else None
    return match[1] if match else "AssertionError"
