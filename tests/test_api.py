"""Examples and pages import public names alone, and the page on them is complete."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest


ROOT = Path(__file__).parents[1]
PACKAGE = "openhands_tiered_router"
PAGE = (ROOT / "docs" / "api.md").read_text()
ROWS = {
    module: re.findall(r"`(\w+)`", names)
    for module, names in re.findall(rf"^\| `({PACKAGE}[\w.]*)` \| (.*) \|$", PAGE, re.M)
}
TEXTS = [
    *sorted((ROOT / "examples").rglob("*.py")),
    *sorted((ROOT / "docs").glob("*.md")),
    ROOT / "README.md",
]


def imports_of(path: Path) -> Iterator[tuple[str, str]]:
    """Module and name of each import of the package in Python of that file."""
    text = path.read_text(encoding="utf-8")
    programs = [text] if path.suffix == ".py" else _python(text)
    for program in programs:
        for node in ast.walk(ast.parse(program)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(
                PACKAGE
            ):
                yield from ((str(node.module), alias.name) for alias in node.names)


def _python(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", page, re.DOTALL)


@pytest.mark.parametrize("path", TEXTS, ids=lambda p: p.name)
def test_only_public_names_are_imported(path: Path) -> None:
    for module, name in imports_of(path):
        assert module in ROWS, f"{module} is not on docs/api.md"
        # The faults are too many to list there.
        assert name in ROWS[module] or module.endswith(".faults"), name


@pytest.mark.parametrize("module", ROWS)
def test_each_name_of_the_page_exists(module: str) -> None:
    home = importlib.import_module(module)
    assert [name for name in ROWS[module] if not hasattr(home, name)] == []


def test_the_top_module_is_listed_in_full() -> None:
    home = importlib.import_module(PACKAGE)
    assert sorted(ROWS[PACKAGE]) == sorted(home.__all__)
