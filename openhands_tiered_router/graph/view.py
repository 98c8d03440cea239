"""One HTML page that shows a workspace's graph and needs nothing but itself."""

from functools import cache
from importlib.resources import files
from typing import Any, Final

from openhands_tiered_router.graph.impact import DEPTH, USAGE
from openhands_tiered_router.graph.measures import Measures
from openhands_tiered_router.graph.model import CERTAIN, FileFacts
from openhands_tiered_router.graph.snapshot import CodeGraph
from openhands_tiered_router.pages import html_page


DEFINITIONS: Final = 60
"""Definitions that are listed of one file."""
ALONE: Final = "on their own"
"""Name of the group of all files that belong to no community."""


def render(graph: CodeGraph, measures: Measures, selected: str | None = None) -> str:
    """Return the page.

    Args:
        graph: The workspace's graph.
        measures: Of that graph.
        selected: Path of the file whose reach is shown at first.
    """
    return html_page(
        title=graph.root.name or str(graph.root),
        style=_part("view.css"),
        body=_part("view.html"),
        script=_part("view.js"),
        data=_data(graph, measures, selected),
    )


@cache
def _part(name: str) -> str:
    return files(__package__).joinpath("page", name).read_text("utf-8")


def _data(graph: CodeGraph, measures: Measures, selected: str | None) -> dict[str, Any]:
    paths = sorted(path for path in graph.files if path in measures.files)
    number = {path: i for i, path in enumerate(paths)}
    groups = [c for c in measures.communities if len(c.files) > 1]
    group_of = {path: i for i, group in enumerate(groups) for path in group.files}
    hubs = frozenset(measures.hubs)
    alone = len(group_of) < len(paths)
    languages = sorted({graph.files[path].language for path in paths})
    return {
        "name": graph.root.name,
        "alone": alone,
        "steps": DEPTH,
        "selected": number.get(selected) if selected else None,
        "communities": [
            *([c.name, round(c.cohesion, 3)] for c in groups),
            *([[ALONE, 0.0]] if alone else []),
        ],
        "files": [
            [
                path,
                group_of.get(path, len(groups)),
                int(graph.files[path].is_test),
                int(path in hubs),
                measures.files[path].in_degree,
                measures.files[path].depth,
                graph.files[path].lines,
                graph.files[path].max_complexity,
                languages.index(graph.files[path].language),
            ]
            for path in paths
        ],
        "languages": [language or "not parsed" for language in languages],
        "most": DEFINITIONS,
        "definitions": [_definitions(graph.facts(path)) for path in paths],
        "links": [
            [number[path], number[link.target], int(bool(link.kinds & USAGE))]
            for path in paths
            for link in graph.links.get(path, ())
            if link.confidence >= CERTAIN and link.target in number
        ],
    }


def _definitions(facts: FileFacts | None) -> list[list[Any]]:
    """Return name, line, complexity and depth of what a file defines, in order."""
    depths: list[int] = []
    found: list[list[Any]] = []
    for definition in facts.definitions if facts else ():
        parent = definition.parent
        depths.append(depths[parent] + 1 if parent >= 0 else 0)
        if len(found) < DEFINITIONS:
            row = [definition.name, definition.start_line, definition.complexity]
            found.append([*row, depths[-1]])
    return found
