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
    """Return the file and the nodes that PATH, PATH:SYMBOL or SYMBOL stands for."""
    from openhands_tiered_router.graph.impact import nodes_of

    path, _, symbol = place.partition(":")
    path = path.removeprefix("./")
    if path not in graph.files:
        if symbol or not (defined := _defining(graph, place)):
            raise unknown(graph, path)
        if len(defined) > 1:
            places = ", ".join(f"{path}:{place}" for path in sorted(defined)[:5])
            raise click.ClickException(
                f"{len(defined)} files define {place}; say which, as in {places}"
            )
        path, symbol = defined[0], place
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


def _defining(graph: CodeGraph, symbol: str) -> list[str]:
    """Return the files that define a symbol; reads every file's record."""
    from openhands_tiered_router.graph.impact import nodes_of

    return [path for path in graph.files if nodes_of(graph, path, symbol)]


def unknown(graph: CodeGraph, place: str) -> click.ClickException:
    """Say that a place is not there, and which files and definitions are like it."""
    facts = (graph.facts(path) for path in graph.files)
    names = {d.qualname.partition("#")[0] for f in facts if f for d in f.definitions}
    last = place.rpartition(".")[2]
    alike = {name for name in names if name.rpartition(".")[2] == last}
    meant = meant_by(place, [*graph.files, *sorted(alike or names)])
    return click.ClickException(f"{place} is not in the graph of {graph.root}{meant}")


def meant_by(name: str, known: Iterable[str]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, known, n=3)
    return f"; did you mean {', '.join(close)}?" if close else ""


@contextmanager
def progress(what: str = "Reading") -> Iterator[Callable[[int, int], None]]:
    """Show a bar on standard error while something long is done."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    # To a file or a pipe even a bar that goes away again would leave an empty line.
    shown = console.is_terminal
    with Progress(console=console, transient=True, disable=not shown) as bars:
        task = bars.add_task(what, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)


def dependents_table(title: str, found: Sequence[Dependent], limit: int) -> None:
    """Print what depends on something, one line each."""
    rows = [(d.node, d.depth, f"{d.confidence:.2f}") for d in found]
    table(title, ("node", "steps", "confidence"), rows, limit)


def table(
    title: str, names: Sequence[str], rows: Sequence[Sequence[object]], limit: int
) -> None:
    """Print the first rows of a table, and how many are left.

    Args:
        title: Above the table.
        names: Of the columns: first of the place, which is shown last and whole, as
            paths are long and are copied; then of its numbers.
        rows: As many cells each as there are names.
        limit: Rows to show.
    """
    shown = [names, *(tuple(map(str, row)) for row in rows[:limit])]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    click.secho(f"\n{title}", bold=True)
    for place, *numbers in shown:
        cells = [n.rjust(w) for n, w in zip(numbers, widths[1:], strict=True)]
        click.echo("  ".join(["", *cells, place]))
    if len(rows) > limit:
        click.echo(f"  … and {len(rows) - limit:,} more")


def echo_json(answer: object) -> None:
    """Print an answer for other programs."""
    click.echo(json.dumps(answer, indent=2, ensure_ascii=False))
