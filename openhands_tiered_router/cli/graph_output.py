"""How the ``graph`` commands show answers and progress."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import click


if TYPE_CHECKING:
    from collections.abc import Iterator

    from openhands_tiered_router.graph.impact import Dependent


WIDE: Final = 200
"""Columns of a table that goes to a file or a pipe, where nobody folds lines."""


@contextmanager
def progress() -> Iterator[Callable[[Any], None]]:
    """Show a bar on standard error while files are read."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("Reading", total=None)
        yield lambda seen: bars.update(task, completed=seen.done, total=seen.total)


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
