"""``repo.md``: a repository's page of facts, which its agents read first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path
from typing import Final

from openhands_tiered_router.graph.snapshot import CodeGraph
from openhands_tiered_router.plural import counted
from openhands_tiered_router.skill_kit.manifests import (
    LOOKED_FOR,
    Fact,
    Manifests,
    manifests,
)
from openhands_tiered_router.skill_kit.repo_graph import (
    DEPTH,
    SHOWN,
    GraphFacts,
    graph_facts,
)
from openhands_tiered_router.skill_kit.stamp import Origin, origin, stamped
from openhands_tiered_router.skill_kit.workspaces import Member, members
from openhands_tiered_router.textfiles import read


NAME: Final = "repo.md"
NOTES: Final = "\n## Notes\n"
_EMPTY_NOTES: Final = (
    f"{NOTES}\n(What no program can see. Kept when this is written anew.)\n"
)
_ALIKE: Final = 4
"""Commands for the same purpose listed at most."""
_ENTRIES: Final = 16
"""Programs listed at most."""


@dataclass(frozen=True, slots=True)
class Page:
    """The page that belongs into a file, and what is there."""

    text: str
    current: bool
    """The file holds it already."""
    edited: bool
    """Somebody has edited the generated part, or written the file."""


def page_for(graph: CodeGraph, path: Path) -> Page:
    """The page for the repository of ``graph``, with the notes of the file at ``path``.

    Raises:
        TextFileError: The file cannot be read.
    """
    before = (read(path) or "").replace("\r\n", "\n")
    generated, found, notes = before.partition(NOTES)
    root = graph.root
    page = render(manifests(root), graph_facts(graph), members(root))
    text = stamped(page) + (found + notes or _EMPTY_NOTES)
    edited = bool(before) and origin(generated) is not Origin.OURS
    return Page(text, current=text == before, edited=edited)


def render(said: Manifests, facts: GraphFacts, found: Sequence[Member] = ()) -> str:
    """The generated part, without our stamp: under 150 lines whatever it is given."""
    lines = [
        "---",
        "name: repo",
        "description: How this repository is built and tested, and hangs together.",
        "---",
        "# This repository",
        "",
        "Facts from manifests and the code graph, by `tiered-router skills repo`.",
        *_section("Commands", _commands(said)),
        *(_section("Packages and their scripts", _packages(found)) if found else ()),
        *_section("Entry points", _entries(said, facts)),
        *_section("Where things are", _places(facts)),
        *_section("Files that most others depend on", _hubs(facts)),
        *_section(f"Where a change ripples, within {DEPTH} steps", _ripples(facts)),
        *_section("Tests", _tests(said, facts)),
    ]
    return "\n".join(lines) + "\n"


def _section(title: str, lines: Iterable[str]) -> Iterator[str]:
    yield from ("", f"## {title}", "")
    yield from (f"- {line}" for line in lines)


def _commands(said: Manifests) -> Iterator[str]:
    for fact in _few_of_each(said.commands):
        yield f"{fact.what}: `{_plain(fact.value)}` ({fact.source})"
    for purpose in ("build", "test"):
        if not _for(said, purpose):
            yield f"{purpose}: not found in {', '.join(LOOKED_FOR)}"
    for name in said.unreadable:
        yield f"{name} is there but could not be read"


def _few_of_each(commands: list[Fact]) -> Iterator[Fact]:
    for _, alike in groupby(commands, key=lambda fact: fact.what):
        yield from islice(alike, _ALIKE)


def _packages(found: Sequence[Member]) -> Iterator[str]:
    for each in found[:SHOWN]:
        scripts = ", ".join(each.scripts[: 2 * _ALIKE]) or "no script to build or test"
        yield f"`{each.folder}` is `{each.name}`: {scripts}"
    if len(found) > SHOWN:
        yield f"and {len(found) - SHOWN} more"


def _entries(said: Manifests, facts: GraphFacts) -> Iterator[str]:
    for fact in said.entries[:_ENTRIES]:
        yield f"`{_plain(fact.what)}` is `{_plain(fact.value)}` ({fact.source})"
    for path in facts.entries:
        yield f"`{_plain(path)}`"
    if not said.entries and not facts.entries:
        yield "none found: no script in a manifest, no file that is named as one"


def _places(facts: GraphFacts) -> Iterator[str]:
    languages = ", ".join(f"{name} {files}" for name, files in facts.languages)
    yield f"files by language: {languages or 'none that can be parsed'}"
    for folder, sources, tests in facts.folders:
        both = f"{counted(sources, 'source file')}, {counted(tests, 'test file')}"
        yield f"`{_plain(folder)}`: {both}"


def _hubs(facts: GraphFacts) -> Iterator[str]:
    for path, dependents in facts.hubs:
        yield f"`{_plain(path)}`: {counted(dependents, 'file')}"
    if not facts.hubs:
        yield "none: no file has two dependents that the graph is sure of"


def _ripples(facts: GraphFacts) -> Iterator[str]:
    for ripple in facts.ripples:
        tests = "no test known"
        if ripple.nearest:
            nearest = f"nearest `{_plain(ripple.nearest)}`"
            tests = f"{counted(ripple.tests, 'test file')}, {nearest}"
        yield f"`{_plain(ripple.path)}`: {counted(ripple.files, 'file')}; {tests}"
    if not facts.ripples:
        yield "nowhere far: no change reaches two files that the graph is sure of"


def _tests(said: Manifests, facts: GraphFacts) -> Iterator[str]:
    for folder, tests in facts.test_folders:
        yield f"`{_plain(folder)}`: {counted(tests, 'test file')}"
    if not facts.tests:
        yield "no test file found, by name or place"
    elif not _for(said, "test"):
        yield "how they are run was not found"
    yield "`tiered-router graph tests PATH` lists those that reach a file"


def _for(said: Manifests, purpose: str) -> list[Fact]:
    return [fact for fact in said.commands if fact.what == purpose]


def _plain(text: str) -> str:
    """A name for the page: one line, no markup."""
    return "".join(c for c in text if c.isprintable() and c != "`")[:120]
