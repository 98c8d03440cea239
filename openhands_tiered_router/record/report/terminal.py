"""A report for the terminal: one sentence, one screen, and more when asked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from openhands_tiered_router.record.report import words
from openhands_tiered_router.record.report.build import Details, Report
from openhands_tiered_router.record.report.calibration import LEAST, Bin
from openhands_tiered_router.record.report.conversations import Task
from openhands_tiered_router.record.report.misroutes import Misroute
from openhands_tiered_router.record.telemetry.quality import Sign


def show(console: Console, report: Report) -> None:
    """Prints the headline and the screen below it."""
    if not report.whole["calls"]:
        console.print("No calls were recorded in that time.")
        console.print(words.NOTHING)
        return
    console.print(Text(words.headline(report), style="bold"))
    _say(console, words.thin(report))
    console.print()
    _tiers(console, report)
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
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column()
    for name, said in lines.items():
        if said:
            grid.add_row(name, Text("\n".join(said)))
    console.print(grid)


def show_details(console: Console, report: Report, details: Details) -> None:
    """Prints the comparisons, tables and checks behind the screen."""
    _comparison(console, report)
    _solved(console, report, details)
    _calibration(console, details)
    _table(console, "Guards and breakers", ("event", "of", "times"),
           words.guards(details))  # fmt: skip
    failed = [
        (str(g.key[2] or "?"), f"{g['failovers']:,.0f}", f"{g['failed']:,.0f}")
        for g in report.models
        if g["failovers"] or g["failed"]
    ]
    _table(console, "Failovers", ("endpoint", "took over", "failed"), failed)
    rows = [
        (words.MEASURES[p.measure], *words.percentile_cells(p))
        for p in details.latency
        if p.by == "endpoint"
    ]
    head = ("Latency", "of", "calls", "P50", "P95", "P99")
    _table(console, "", head, rows, words.METHOD["latency"])


def show_conversations(console: Console, report: Report) -> None:
    """Prints a line for each of the latest conversations."""
    if not report.tasks:
        console.print("No conversation had a call in that time.")
        return
    table = Table(box=None, pad_edge=False)
    for name in ("conversation", "last call"):
        table.add_column(name, no_wrap=True)
    for name in ("turns", "USD", "alone", "mistakes"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("outcome", no_wrap=True)
    for task in report.tasks:
        table.add_row(*map(Text, _task(task)))
    console.print(table)
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
    mistakes = task.too_weak + task.too_strong
    outcome = {True: "accepted", False: "rejected", None: "-"}[task.accepted]
    unknown = words.UNKNOWN if task.calls == task.unpriced else words.usd(task.cost)
    return (
        task.conversation_id[:8] + (" (sub-agent)" if task.parent_id else ""),
        f"{datetime.fromtimestamp(task.last):%m-%d %H:%M}",
        f"{task.turns:,}",
        unknown,
        "-" if task.alone is None else words.usd(task.alone),
        _count(mistakes),
        outcome,
    )


def _misroute(console: Console, m: Misroute, option: str) -> None:
    needed = (
        "too weak a tier" if m.provision == "under" else "a stronger tier than needed"
    )
    kind = "hard" if m.hard else "mechanical"
    console.print(
        Text.assemble(
            (f"{str(m.tier).capitalize()}, {needed}", "bold"),
            f": a {kind} turn, {words.usd(m.cost)}",
        )
    )
    said = "; ".join(words.SIGNS[Sign(s)] for s in m.signs if s in set(Sign))
    _say(console, [f"  {said}"] if said else [])
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


def _tiers(console: Console, report: Report) -> None:
    calls = report.whole["calls"]
    names = ("tier", "calls", "share", "USD", "cached", "too weak", "too strong")
    rows = [
        (
            str(g.key[0] or "?"),
            f"{g['calls']:,.0f}",
            f"{g['calls'] / calls:.0%}",
            words.spent([g]),
            words.cached(g),
            _count(report.provision(g.key[0], "under")),
            _count(report.provision(g.key[0], "over")),
        )
        for g in report.tiers
    ]
    table = Table(box=None, pad_edge=False)
    for name, column in zip(names, zip(*rows, strict=True), strict=True):
        # Figures are never cut; names of models may be.
        least = max(map(len, (name, *column)))
        justify = "left" if name == "tier" else "right"
        table.add_column(name, justify=justify, no_wrap=True, min_width=least)
    table.add_column("models", overflow="ellipsis", no_wrap=True)
    for g, row in zip(report.tiers, rows, strict=True):
        models = Text(words.models_of(report, g.key[0]), "", no_wrap=True)
        table.add_row(*map(Text, row), models)
    console.print(table)


def _count(number: float) -> str:
    return f"{number:,.0f}" if number else "-"


def _comparison(console: Console, report: Report) -> None:
    s = report.savings
    rows = [("routed", words.usd(s.spent), "")]
    for a in s.alternatives:
        names = ", ".join(map(words.short_model, a.models))
        rows.append(
            (f"always {a.tier} ({names})", words.usd(a.usd), words.percent(a.saving))
        )
    title = f"Compared: {s.conversations:,} conversations, {s.turns:,} turns"
    _table(
        console,
        title,
        ("", "USD", "saved, 95 % interval"),
        rows if s.alternatives else (),
        words.METHOD["single"],
        words.METHOD["interval"],
        words.honoured(report),
    )
    lines = ["The saving, by part:", *(f"  {line}" for line in words.split(report))]
    _say(console, [*lines, *words.against_mix(report)])
    _notes(console, [words.METHOD["mix"], words.METHOD["hard"]])


def _solved(console: Console, report: Report, details: Details) -> None:
    rows = [
        (
            s.tier or "all",
            f"{s.solved:,}",
            f"{s.failed:,}",
            f"{s.unknown:,}",
            words.dollars(s.per_solved, "none solved"),
        )
        for s in report.solved
        if s.conversations
    ]
    head = ("mostly served by", "solved", "failed", "not judged", "USD each solved")
    _table(console, "Tasks", head, rows, words.METHOD["solved"])
    v = details.verifier
    if v.verified:
        _say(
            console,
            [
                f"Verifier, all time: {v.verified:,} judged, {v.accepted:,} accepted",
                f"  good work that it accepted: {words.rate(v.true_accept)}",
                f"  bad work that it accepted: {words.rate(v.false_accept)}",
            ],
        )


def _calibration(console: Console, details: Details) -> None:
    head = ("predicted", "seen", "cases")
    rows = list(map(_bin, details.next_turn))
    _table(console, "Next turn mechanical", head, rows, *words.calibration(details))
    rows = list(map(_bin, details.task_score))
    head = ("score", "solved", "cases")
    _table(console, "Solved, by the task's score", head, rows, words.METHOD["score"])


def _bin(b: Bin) -> tuple[str, ...]:
    low, high = b.observed.interval
    thin = b.observed.count < LEAST or b.observed.share is None
    seen = "too few" if thin else f"{b.observed.share:.2f} ({low:.2f} to {high:.2f})"
    return f"{b.predicted:.2f}", seen, f"{b.observed.count:,}"


def _table(
    console: Console,
    title: str,
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    *notes: str,
) -> None:
    table = Table(box=None, pad_edge=False)
    for i, name in enumerate(head):
        table.add_column(name, justify="right" if i else "left")
    for row in rows:
        table.add_row(*map(Text, row))
    if not table.row_count:
        return
    console.print()
    if title:
        console.print(Text(title, style="bold"))
    console.print(table)
    _notes(console, notes)


def _say(console: Console, lines: Iterable[str]) -> None:
    for line in lines:
        indent = len(line) - len(line.lstrip())
        console.print(Padding(Text(line.lstrip()), (0, 0, 0, indent)))


def _notes(console: Console, lines: Iterable[str]) -> None:
    for line in lines:
        console.print(Text(line, style="dim"))
