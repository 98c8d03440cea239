"""What reports say; those of vitest 4.1 and jest 30 are as they wrote them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from openhands_tiered_router.guards.verify.process import Finished
from openhands_tiered_router.guards.verify.results import Results, results_of
from openhands_tiered_router.guards.verify.runners import JEST, Plan


def read(tmp_path: Path, report: Any, code: int = 1, output: str = "") -> Results:
    file = tmp_path / JEST
    file.write_text(report if isinstance(report, str) else json.dumps(report))
    plan = Plan("vitest", ("vitest",), ("a.test.js",), report=JEST)
    return results_of(plan, Finished(code, output), file, tmp_path)


def suite(tmp_path: Path, *tests: tuple[str, str], message: str = "") -> dict[str, Any]:
    return {
        "name": str(tmp_path / "src" / "a.test.js"),
        "status": "failed" if message or "failed" in dict(tests).values() else "passed",
        "message": message,
        "assertionResults": [
            {
                "fullName": name,
                "status": status,
                "failureMessages": ["TypeError: no\n    at x"] * (status == "failed"),
            }
            for name, status in tests
        ],
    }


def test_tests_are_read_one_by_one(tmp_path: Path) -> None:
    tests = [("total of nothing", "failed"), ("a number", "passed"), ("x", "pending")]
    found = read(tmp_path, {"testResults": [suite(tmp_path, *tests)]})
    (failure,) = found.failures
    assert (found.ran, found.green) == (True, True)
    assert failure.test == "src/a.test.js::total of nothing"
    assert failure.cause == "TypeError"
    assert failure.named


def test_a_file_that_cannot_be_run_has_failed_itself(tmp_path: Path) -> None:
    message = f"Cannot find module './nope.js' imported from {tmp_path}/src/a.test.js"
    found = read(tmp_path, {"testResults": [suite(tmp_path, message=message)]})
    (failure,) = found.failures
    assert failure.test == "src/a.test.js"
    assert "imported from ./src/a.test.js" in failure.cause
    assert not found.green


def test_skipped_tests_alone_say_nothing(tmp_path: Path) -> None:
    found = read(tmp_path, {"testResults": [suite(tmp_path, ("x", "pending"))]}, 0)
    assert found == Results(ran=False)


def test_an_error_outside_of_tests_is_a_failure(tmp_path: Path) -> None:
    report = {"testResults": [suite(tmp_path, ("x", "passed"))]}
    (failure,) = read(tmp_path, report, output="Unhandled rejection").failures
    assert not failure.named
    assert failure.evidence == "Unhandled rejection"


@pytest.mark.parametrize(
    "report", ["", "[]", '{"testResults": [{}]}', {"testResults": 3}]
)
def test_a_report_that_cannot_be_read_is_no_verdict(
    tmp_path: Path, report: Any
) -> None:
    assert read(tmp_path, report).broken == "exit code 1, and no report"
