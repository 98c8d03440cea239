"""What a user of the wheel is sent to exists, and is not a file that it lacks."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import click
import pytest

import openhands_tiered_router
from openhands_tiered_router.cli import tiered_router
from openhands_tiered_router.pages import DOCUMENTATION, doc_page


PACKAGE = Path(openhands_tiered_router.__file__).parent
DOCS = PACKAGE.parent / "docs"
FILE = re.compile(r"\bdocs/[\w-]+\.md\b")
SOURCES = sorted(PACKAGE.rglob("*.py"))


def cited() -> list[tuple[str, ...]]:
    """The arguments of each call of ``doc_page``."""
    calls = [
        node
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "doc_page"
    ]
    return [tuple(ast.literal_eval(a) for a in call.args) for call in calls]


def anchors(text: str) -> set[str]:
    """The headings of a page, in the form that links take."""
    titles = re.findall(r"^#+ +(.+)$", text, re.M)
    return {re.sub(r"[^\w -]", "", t.lower()).replace(" ", "-") for t in titles}


def test_the_base_is_that_of_the_project() -> None:
    project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text("utf-8"))
    assert project["project"]["urls"]["Documentation"] == DOCUMENTATION


def test_every_cited_page_exists() -> None:
    found = cited()
    assert ("configuration",) in found
    for name, *section in found:
        text = (DOCS / f"{name}.md").read_text(encoding="utf-8")
        assert set(section) <= anchors(text), f"{name}.md: {section}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_no_text_but_a_docstring_names_a_file_of_the_docs(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docstrings = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            assert id(node) in docstrings or not FILE.search(node.value), node.lineno


def commands(command: click.Command, name: str) -> list[tuple[str, click.Command]]:
    found = [(name, command)]
    if isinstance(command, click.Group):
        context = click.Context(command)
        for each in command.list_commands(context):
            below = command.get_command(context, each)
            assert below is not None
            found += commands(below, f"{name} {each}")
    return found


def test_no_help_names_a_file_of_the_docs() -> None:
    every = commands(tiered_router, "tiered-router")
    assert len(every) > 20
    for name, command in every:
        said = command.get_help(click.Context(command, info_name=name))
        for address in re.findall(r"https://\S+\.md", said):
            assert (DOCS / address.removeprefix(f"{DOCUMENTATION}/")).is_file()
            said = said.replace(address, "")
        assert not FILE.search(said), name


def test_a_section_is_the_address_s_fragment() -> None:
    assert doc_page("sdk") == f"{DOCUMENTATION}/sdk.md"
    assert doc_page("sdk", "imports") == f"{DOCUMENTATION}/sdk.md#imports"
