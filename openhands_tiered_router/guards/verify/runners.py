"""How each language's tests are run, and what their output says.

A small table: pytest, vitest and jest report test by test; of go and cargo the names of
the failed tests are read off the output. A project that needs more names its own
``test_command``.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final


@dataclass(frozen=True, slots=True)
class Plan:
    """One command that runs some test files."""

    runner: str
    argv: tuple[str, ...]
    files: tuple[str, ...]
    """Test files that it runs, below the workspace."""
    cwd: str = "."
    """Where it runs, below the workspace."""
    report: str = ""
    """Name of the file that it writes, JUnit's or jest's; "": none."""
    failed: re.Pattern[str] | None = None
    """Finds the names of failed tests in the output."""
    ran: re.Pattern[str] | None = None
    """Is in the output of a run that ran something."""


REPORT: Final = "{report}"
"""Stands in a plan's command for the path of its report."""

JUNIT: Final = "report.xml"
JEST: Final = "report.json"
"""The names of reports, by their form. vitest writes jest's too."""

_GO_FAILED: Final = re.compile(
    r"^(?:\s*--- FAIL: |FAIL\s+(?=\S+ \[(?:build|setup) failed\]))(\S+)", re.MULTILINE
)
_GO_RAN: Final = re.compile(r"^(?:ok|FAIL|---)\s(?!.*\[no test)", re.MULTILINE)
_CARGO_FAILED: Final = re.compile(r"^test (\S+) \.\.\. FAILED", re.MULTILINE)
_CARGO_RAN: Final = re.compile(
    r"^test result: \S+ (?!0 passed; 0 failed)", re.MULTILINE
)


def plans(root: Path, files: Sequence[str]) -> tuple[list[Plan], list[str]]:
    """The commands for some test files, and the files that no runner is known for.

    Args:
        root: The workspace; looked at for interpreters and manifests.
        files: Test files below it.
    """
    made: list[Plan] = []
    left = list(files)
    for suffixes, plan in _TABLE:
        mine = [f for f in left if f.endswith(suffixes)]
        found = plan(root, mine) if mine else []
        made += found
        done = {f for p in found for f in p.files}
        left = [f for f in left if f not in done]
    return made, left


def python_of(root: Path) -> str:
    """The interpreter of the workspace's own environment, else the first one found."""
    places = [root / e / b for e in (".venv", "venv") for b in _BIN]
    own = next((str(p) for p in places if os.access(p, os.X_OK)), None)
    return own or shutil.which("python") or shutil.which("python3") or "python"


_BIN: Final = ("bin/python", "Scripts/python.exe")


def _pytest(root: Path, files: Sequence[str]) -> list[Plan]:
    argv = (
        python_of(root), "-m", "pytest", "-q", "--tb=short", "--color=no",
        "--continue-on-collection-errors", "-p", "no:cacheprovider",
        f"--junitxml={REPORT}", *(f"./{f}" for f in files),
    )  # fmt: skip
    return [Plan("pytest", argv, tuple(files), report=JUNIT)]


def _go(root: Path, files: Sequence[str]) -> list[Plan]:
    made = []
    for module, mine in _by_manifest(root, files, "go.mod").items():
        packages = {f"./{PurePosixPath(f).relative_to(module).parent}" for f in mine}
        argv = ("go", "test", *sorted(packages))
        how = (str(module), "", _GO_FAILED, _GO_RAN)
        made.append(Plan("go test", argv, tuple(mine), *how))
    return made


def _cargo(root: Path, files: Sequence[str]) -> list[Plan]:
    return [
        Plan(
            "cargo test",
            ("cargo", "test", "--manifest-path", str(root / crate / "Cargo.toml")),
            tuple(mine),
            failed=_CARGO_FAILED,
            ran=_CARGO_RAN,
        )
        for crate, mine in _by_manifest(root, files, "Cargo.toml").items()
    ]


def _node(root: Path, files: Sequence[str]) -> list[Plan]:
    made = []
    for package, mine in _by_manifest(root, files, "package.json").items():
        runner = _node_runner(root / package / "package.json")
        if runner:
            program = _node_program(root, package, runner)
            names = [f"./{PurePosixPath(f).relative_to(package)}" for f in mine]
            argv = (*program, *_NODE_ARGUMENTS[runner], *names)
            made.append(Plan(runner, argv, tuple(mine), str(package), JEST))
    return made


def _node_runner(manifest: Path) -> str | None:
    try:
        data = json.loads(manifest.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    fields = ("dependencies", "devDependencies")
    tables = [data.get(f) for f in fields] if isinstance(data, dict) else []
    names = {name for table in tables if isinstance(table, dict) for name in table}
    return next((runner for runner in _NODE_ARGUMENTS if runner in names), None)


def _node_program(root: Path, package: PurePosixPath, runner: str) -> tuple[str, ...]:
    """As it is installed for the package, there or above it."""
    for place in (package, *package.parents):
        programs = root / place / "node_modules" / ".bin"
        if found := shutil.which(runner, path=str(programs)):
            return (found,)
    return ("npx", "--no-install", runner)


# Some tests alone reach no threshold of coverage.
_NODE_ARGUMENTS: Final = {
    "vitest": (
        "run", "--reporter=json", f"--outputFile={REPORT}", "--coverage.enabled=false",
    ),
    "jest": (
        "--ci", "--json", f"--outputFile={REPORT}", "--coverage=false",
        "--runTestsByPath",
    ),
}  # fmt: skip

_TABLE: Final[
    tuple[tuple[tuple[str, ...], Callable[[Path, Sequence[str]], list[Plan]]], ...]
] = (
    ((".py",), _pytest),
    ((".go",), _go),
    ((".rs",), _cargo),
    ((".js", ".jsx", ".ts", ".tsx", ".mjs", ".cjs", ".mts", ".cts"), _node),
)


def _by_manifest(
    root: Path, files: Sequence[str], name: str
) -> dict[PurePosixPath, list[str]]:
    """The files by the nearest directory above them that has a manifest."""
    found: dict[PurePosixPath, list[str]] = {}
    for file in files:
        above = PurePosixPath(file).parents
        place = next((p for p in above if (root / p / name).is_file()), None)
        if place is not None:
            found.setdefault(place, []).append(file)
    return found
