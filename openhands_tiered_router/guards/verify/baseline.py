"""Which failures were there before the change: the same tests on the tree before it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from openhands_tiered_router.guards.verify.results import Failure, Results


PROBE_NAME: Final = "tiered_router_probe"
PROBE: Final = '''\
"""Tells whether the code of another directory was tested."""

import os
import sys


def pytest_sessionfinish():
    root = os.environ["TIERED_ROUTER_CHANGED"] + os.sep
    for module in list(sys.modules.values()):
        path = os.path.realpath(getattr(module, "__file__", None) or "")
        if path.startswith(root) and "site-packages" not in path:
            with open(os.environ["TIERED_ROUTER_LEAKED"], "a") as file:
                file.write(path)
'''
"""A pytest plugin for the run on the tree before the change.

A project that is installed in editable mode may be imported from the workspace, with
the change in it. What fails then would seem to have failed before.
"""

_OF_TESTS: Final = re.compile(
    r"\btests?\b[^.\n]*\b(?:fail|red\b|broken|pass\b)|\bfail\w*\b[^.\n]*\btests?\b",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Split:
    """Failures, by whether the change has to answer for them."""

    counted: tuple[Failure, ...]
    excused: tuple[Failure, ...]


def import_path(copy: Path, probe: Path) -> str:
    """``PYTHONPATH`` under which the copy shadows what is installed."""
    return os.pathsep.join((str(copy / "src"), str(copy), str(probe)))


def lend_modules(root: Path, copy: Path, files: Iterable[str]) -> bool:
    """Lets the copy use what npm installed for those files; ignored, it is not in it.

    Returns:
        Whether it may: a package linked to the changed tree would bring the change.
    """
    places = {place for file in files for place in PurePosixPath(file).parents}
    for place in places:
        modules, lent = (base / place / "node_modules" for base in (root, copy))
        if not modules.is_dir() or lent.exists():
            continue
        if _leads_back(modules, root.resolve()):
            return False
        lent.symlink_to(modules.resolve(), target_is_directory=True)
    return True


def _leads_back(modules: Path, root: Path) -> bool:
    """Whether a module is a link into the tree itself, as a workspace's package is."""
    targets = [p.resolve() for p in (*modules.glob("*"), *modules.glob("@*/*"))]
    return any(
        t.is_relative_to(root) and "node_modules" not in t.relative_to(root).parts
        for t in targets
    )


def split(
    now: Iterable[Failure],
    before: Sequence[Results],
    request: str,
    *,
    reproduced: bool,
) -> Split:
    """Excuse the failures that were there before, unless they were to be repaired.

    Args:
        now: With the change.
        before: Without it; empty: not known, and nothing is excused.
        request: The user's words. A test that they name was to be repaired; where they
            speak of failing tests and no such test was repaired, all of them were.
        reproduced: Whether a command that failed before succeeds now.
    """
    now = tuple(now)
    known = [f for results in before for f in results.failures]
    old = [f for f in now if any(f.same(k) for k in known)]
    repaired = len(known) > len(old) or reproduced
    if not repaired and speaks_of_failing_tests(request):
        return Split(now, ())
    excused = tuple(f for f in old if not _names(request, f))
    return Split(tuple(f for f in now if f not in excused), excused)


def speaks_of_failing_tests(request: str) -> bool:
    """Whether a request may be to repair tests."""
    return _OF_TESTS.search(request) is not None


def _names(request: str, failure: Failure) -> bool:
    place, _, name = failure.test.rpartition("::")
    words = {name.partition("[")[0], place.rpartition(".")[2]}
    return any(len(w) > 4 and w in request for w in words)
