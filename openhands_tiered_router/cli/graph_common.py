"""What the ``graph`` commands share: options, and places as people write them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from openhands_tiered_router.cli.graph_output import progress


if TYPE_CHECKING:
    from openhands_tiered_router.graph.snapshot import CodeGraph

NOTHING: Final = 1
"""Exit code of a question that was understood and has no answer."""


def common(function: Callable[..., None]) -> Callable[..., None]:
    """Add the options that every question has."""
    return workspace_option(
        click.option(
            "--json",
            "as_json",
            is_flag=True,
            help="Answer in JSON, on standard output.",
        )(function)
    )


def workspace_option(function: Callable[..., None]) -> Callable[..., None]:
    """Add the option that says whose graph it is."""
    return click.option(
        "--workspace",
        "-w",
        "root",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        default=Path(),
        show_default="the current directory",
        help="Directory of the code.",
    )(function)


def limited(default: int) -> Callable[..., Any]:
    """Add the option that bounds what is shown."""
    return click.option(
        "--limit",
        "-n",
        type=click.IntRange(min=1),
        default=default,
        show_default=True,
        help="Lines to show.",
    )


def open_graph(root: Path, *, fresh: bool = False) -> CodeGraph:
    """Bring a workspace's graph up to date, showing the progress."""
    from openhands_tiered_router.graph.build import build_graph

    with progress() as report:
        return build_graph(root, persistent=not fresh, progress=report)


def resolve(graph: CodeGraph, place: str) -> tuple[str, list[str]]:
    """Return the file and the nodes that PATH[:SYMBOL] stands for."""
    from openhands_tiered_router.graph.impact import nodes_of

    path, _, symbol = place.partition(":")
    path = path.removeprefix("./")
    if path not in graph.files:
        raise unknown(graph, path)
    if not symbol:
        return path, [path]
    nodes = nodes_of(graph, path, symbol.lstrip(":"))
    if not nodes:
        facts = graph.facts(path)
        names = [d.qualname for d in facts.definitions] if facts else []
        raise click.ClickException(
            f"{path} has no definition {symbol!r}{meant_by(symbol, names)}"
        )
    return path, nodes


def unknown(graph: CodeGraph, path: str) -> click.ClickException:
    meant = meant_by(path, graph.files)
    return click.ClickException(f"{path} is not in the graph of {graph.root}{meant}")


def meant_by(name: str, known: Iterable[str]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, known, n=3)
    return f"; did you mean {', '.join(close)}?" if close else ""
