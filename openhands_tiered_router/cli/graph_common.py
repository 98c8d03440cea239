"""What the ``graph`` commands share: options, places, and how answers are shown."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click


if TYPE_CHECKING:
    from openhands_tiered_router.graph.impact import Dependent
    from openhands_tiered_router.graph.snapshot import CodeGraph

NOTHING: Final = 1
"""Exit code of a question that was understood and has no answer."""
WIDE: Final = 200
"""Columns of a table that goes to a file or a pipe, where nobody folds lines."""


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


@contextmanager
def progress() -> Iterator[Callable[[int, int], None]]:
    """Show a bar on standard error while files are read."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("Reading", total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)


def dependents_table(title: str, found: Sequence[Dependent], limit: int) -> None:
    """Print what depends on something, one line each."""
    rows = [(d.node, d.depth, f"{d.confidence:.2f}") for d in found]
    table(title, ("node", "steps", "confidence"), rows, limit)


def table(
    title: str, names: Sequence[str], rows: Iterable[Sequence[object]], limit: int
) -> None:
    """Print the first rows of a table, and how many are left."""
    from rich.console import Console
    from rich.table import Table

    rows = list(rows)
    more = len(rows) - limit
    shown = Table(title=title, title_justify="left", title_style="bold", box=None)
    for number, name in enumerate(names):
        shown.add_column(name, justify="right" if number else "left", overflow="fold")
    for row in rows[:limit]:
        shown.add_row(*map(str, row))
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = WIDE
    console.print(shown, f"… and {more:,} more" if more > 0 else "", markup=False)


def echo_json(answer: object) -> None:
    """Print an answer for other programs."""
    click.echo(json.dumps(answer, indent=2, ensure_ascii=False))
