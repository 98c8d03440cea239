"""The bundled project, copied to where an agent may change it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Final


TEST_SECONDS: Final = 60
"""The project's tests take a fraction of a second; this only stops a hang."""


@dataclass(frozen=True, slots=True)
class SuiteResult:
    """One run of the project's tests."""

    passed: bool
    ran: int
    """How many tests there were."""


def copy_project(directory: Path) -> Path:
    """Copy the project into that directory; returns its root."""
    root = directory / "project"
    ignore = shutil.ignore_patterns("__pycache__")
    with as_file(files(__package__) / "project") as source:
        shutil.copytree(source, root, ignore=ignore)
    return root


def run_tests(root: Path) -> SuiteResult:
    """Run the project's tests with this interpreter."""
    result = subprocess.run(
        [sys.executable, "-B", "-m", "unittest"],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=TEST_SECONDS,
        check=False,
    )
    count = re.search(r"^Ran (\d+) tests?", result.stderr, re.MULTILINE)
    ran = int(count[1]) if count else 0
    return SuiteResult(passed=result.returncode == 0 and ran > 0, ran=ran)
