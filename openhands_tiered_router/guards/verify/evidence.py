"""What shows that a change matters: a test that fails once it is taken back.

That existing tests still pass says that nothing broke; a comment passes them, too.
"""

from __future__ import annotations

import ast
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from openhands_tiered_router.git import GitError
from openhands_tiered_router.guards.verify.git import Changed, Repository
from openhands_tiered_router.guards.verify.results import Failure, Results
from openhands_tiered_router.guards.verify.selection import tests_among


PROSE: Final = (".md", ".rst", ".txt", ".adoc")
_OF_TESTS: Final = re.compile(
    r"(?:^|/)(?:tests?|testing|__tests__|spec|specs|fixtures|testdata|conftest\.py)(?:/|$)"
)


def is_of_tests(path: str) -> bool:
    """Whether a file is a test, or belongs to tests."""
    return bool(_OF_TESTS.search(path) or tests_among([path]))


def own_tests(changed: Sequence[Changed]) -> list[str]:
    """The test files that the change adds or alters."""
    return tests_among(c.path for c in changed if c.status != "D")


def has_no_effect(
    repository: Repository, base: str, now: str, changed: Sequence[Changed]
) -> bool:
    """Whether only comments, blank lines or docstrings of Python files differ."""
    code = [c for c in changed if not c.path.endswith(PROSE)]
    if not code or any(c.status != "M" or not c.path.endswith(".py") for c in code):
        return False
    try:
        return all(
            _meaning(repository.text(base, c.path))
            == _meaning(repository.text(now, c.path))
            for c in code
        )
    except (GitError, SyntaxError, ValueError, RecursionError):
        return False


def _meaning(source: str) -> str:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and _is_docstring(body[0]):
            del body[0]
    return ast.dump(tree)


def _is_docstring(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


@contextmanager
def taken_back(
    repository: Repository, base: str, root: Path, changed: Sequence[Changed]
) -> Iterator[Path]:
    """A copy of the workspace with the changed tests, but without the change."""
    with repository.checked_out(base) as copy:
        for path in (c.path for c in changed if is_of_tests(c.path)):
            target = copy / path
            if (root / path).is_file():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(root / path, target)
            else:
                target.unlink(missing_ok=True)
        yield copy


@contextmanager
def with_old_tests(
    repository: Repository, base: str, changed: Sequence[Changed]
) -> Iterator[Path]:
    """A copy of the workspace with the change, but with its tests as they were."""
    with repository.checked_out(repository.snapshot()) as copy:
        for change in changed:
            if change.status == "M" and is_of_tests(change.path):
                text = repository.text(base, change.path)
                (copy / change.path).write_text(text, encoding="utf-8")
        yield copy


def weakened(old: Results, without: Results) -> bool:
    """Whether a test no longer notices what the change broke of it.

    Args:
        old: The tests as they were, with the change.
        without: The tests as they are, without the change: one that was brought up to
            date fails there, or its file does. One that was emptied or deleted passes;
            so does one that now goes round what has changed.
    """
    failing = tuple(_name(f) for f in without.failures)
    broken = [f for f in old.failures if f.named and not without.broken]
    return not all(_name(f).startswith(failing) for f in broken)


def _name(failure: Failure) -> str:
    """Of the test, without its parameters, which may name what was expected."""
    return failure.test.partition("[")[0]


def noticed(now: Sequence[Failure], without: Results) -> tuple[bool, bool]:
    """Whether tests that pass now fail without the change, and whether surely.

    Returns:
        ``(noticed, sure)``: an assertion that fails is sure. An error may come from the
        copy, which lacks what the workspace has built.
    """
    known = {failure.test for failure in now}
    new = [f for f in without.failures if f.test not in known]
    asserted = any(not f.cause.startswith("error ") and f.named for f in new)
    return bool(new or without.broken), asserted
