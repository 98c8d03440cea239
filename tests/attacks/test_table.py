"""The table of docs/security.md names a test for each defect that was found."""

from __future__ import annotations

import ast
import re
from pathlib import Path


TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs" / "security.md"
ROW = re.compile(r"^\| (\d+) \|.*$", re.MULTILINE)
NAMED = re.compile(r"`([\w/]+\.py)::(\w+)`")


def test_each_of_the_twenty_five_has_a_test() -> None:
    rows = list(ROW.finditer(PAGE.read_text(encoding="utf-8")))
    assert [int(row[1]) for row in rows] == list(range(1, 26))
    for row in rows:
        named = NAMED.findall(row[0])
        assert named, row[0]
        for path, name in named:
            tree = ast.parse((TESTS / path).read_text(encoding="utf-8"))
            kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
            functions = {node.name for node in tree.body if isinstance(node, kinds)}
            assert name in functions, f"{path}::{name}"
