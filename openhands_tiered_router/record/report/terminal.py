"""A report for the terminal: one sentence, one screen, and more when asked for."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.padding import Padding
from rich.table import Table as Columns
from rich.text import Text

from openhands_tiered_router.record.report import tables, words
from openhands_tiered_router.record.report.build import Report
from openhands_tiered_router.record.report.conversations import Misroute, Task
from openhands_tiered_router.record.report.tables import Table


def show(console: Console, report: Report) -> None:
    """Prints the headline and the screen below it."""
    if not report.whole["calls"]:
        console.print("No calls were recorded in that time.")
        console.print(words.NOTHING)
        return
    console.print(Text(words.headline(report), style="bold"))
    _say(console, words.thin(report))
    console.print()
    console.print(_drawn(tables.tiers(report), cut="models"))
    console.print()
    lines = {
        "Outcomes": [words.outcomes(report)],
        "Mistakes": [words.mistakes(report)],
        "Caches": [words.caches(report)],
        "Left out": words.left_out(report),
        "Budgets": words.budgets(report),
        "Missing": words.notes(report),
        "More": ["--details, --conversations, --misroutes, --html page.html, --json"],
    }
    grid = Columns.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column()
    for name, said in lines.items():
        if said:
            grid.add_row(name, Text("\n".join(said)))
    console.print(grid)


def show_details(console: Console, report: Report) -> None:
    """Prints the comparisons, events and latencies behind the screen."""
    _table(console, tables.comparison(report))
    console.print()
    _say(console, words.split(report))
    _table(console, tables.events(report))
    _table(console, tables.latency(report))


def show_conversations(console: Console, report: Report) -> None:
    """Prints a line for each of the latest conversations."""
    if not report.tasks:
        console.print("No conversation had a call in that time.")
        return
    head = ("conversation", "last call", "turns", "USD", "alone", "mistakes", "outcome")
    console.print(_drawn(Table("", head, list(map(_task, report.tasks)))))
    alone = report.savings.alone
    if alone is not None:
        model = words.alone_name(alone)
        console.print(f"alone: estimated cost had {model} served every turn")
    console.print("One of them: tiered-router report --conversation ID --details")


def show_misroutes(
    console: Console, report: Report, telemetry: Path | None = None
) -> None:
    """Prints the misrouted turns with what speaks for it, and how to look closer."""
    if not report.misroutes:
        console.print("No turn was judged to be on the wrong tier in that time.")
    option = "" if telemetry is None else f" --telemetry {telemetry}"
    for m in report.misroutes:
        _misroute(console, m, option)
    _say(console, words.notes(report))


def _task(task: Task) -> tuple[str, ...]:
    outcome = {True: "accepted", False: "rejected", None: "-"}[task.accepted]
    unknown = words.UNKNOWN if task.calls == task.unpriced else words.usd(task.cost)
    return (
        task.conversation_id[:8],
        f"{datetime.fromtimestamp(task.last):%m-%d %H:%M}",
        f"{task.turns:,}",
        unknown,
        "-" if task.alone is None else words.usd(task.alone),
        words.count(task.too_weak + task.too_strong),
        outcome,
    )


def _misroute(console: Console, m: Misroute, option: str) -> None:
    said, signs = words.mistake(m)
    console.print(Text(said, style="bold"))
    _say(console, [f"  {signs}"] if signs else [])
    of = f" of conversation {m.conversation_id[:8]}" if m.conversation_id else ""
    console.print(Text(f"  turn {m.turn or '?'}{of}"))
    commands = [f"tiered-router explain --decision {m.decision_id}{option}"]
    if m.conversation_id:
        short = m.conversation_id[:8]
        commands.append(
            f"tiered-router report --conversation {short} --details{option}"
        )
    for command in commands:
        console.print(Text(f"  {command}", style="dim"), soft_wrap=True)


def _drawn(table: Table, cut: str | None = None) -> Columns:
    """The table; a column that may be cut comes last, for figures never are."""
    drawn = Columns(box=None, pad_edge=False)
    columns = zip(table.head, zip(*table.rows, strict=True), strict=True)
    for i, (name, cells) in enumerate(columns):
        least = None if name == cut or not cut else max(map(len, (name, *cells)))
        drawn.add_column(
            name,
            justify="left" if not i or name == cut else "right",
            no_wrap=bool(cut),
            min_width=least,
        )
    for row in table.rows:
        drawn.add_row(*map(Text, row))
    return drawn


def _table(console: Console, table: Table) -> None:
    if not table.rows:
        return
    console.print()
    console.print(Text(table.title, style="bold"))
    console.print(_drawn(table))
    for line in table.notes:
        console.print(Text(line, style="dim"))


def _say(console: Console, lines: Iterable[str]) -> None:
    for line in lines:
        indent = len(line) - len(line.lstrip())
        console.print(Padding(Text(line.lstrip()), (0, 0, 0, indent)))
