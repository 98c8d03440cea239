"""A report for the terminal."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from openhands_tiered_router.record.report import words
from openhands_tiered_router.record.report.build import Report
from openhands_tiered_router.record.report.calibration import LEAST, Bin
from openhands_tiered_router.record.telemetry.aggregates import By
from openhands_tiered_router.record.telemetry.assess import Misroute
from openhands_tiered_router.record.telemetry.percentiles import Latency


def show(
    console: Console, report: Report, latency_by: Collection[By] = ("tier",)
) -> None:
    """Prints all figures; percentiles by these only."""
    if not report.tiers:
        console.print("Nothing is on record for that time.")
        console.print(words.NOTHING)
        return
    calls = words.count(sum(g.calls for g in report.tiers), "call")
    console.print(f"[bold]{words.spent(report.tiers)}[/bold] for {calls}")
    _say(console, words.thin(report))
    _spend(console, report)
    _tiers(console, report)
    _solved(console, report)
    _receipts(console, report)
    _calibration(console, report)
    _guards(console, report)
    _latency(console, [f for f in report.latency if f.by[0] in latency_by])
    _say(console, words.notes(report))


def show_misroutes(
    console: Console, report: Report, telemetry: Path | None = None
) -> None:
    """Prints the misrouted turns with what speaks for it, and how to look closer."""
    if not report.misroutes:
        console.print("No misrouted turn is on record for that time.")
    option = "" if telemetry is None else f" --telemetry {telemetry}"
    for m in report.misroutes:
        _misroute(console, m, option)
    _say(console, words.notes(report))


def _misroute(console: Console, m: Misroute, option: str) -> None:
    quality = "?" if m.quality is None else str(m.quality)
    kind = "hard" if m.hard else "mechanical"
    line = Text.assemble(
        (f"{m.provision}-provisioned", "bold"),
        f"  quality {quality}  {kind} turn on {m.tier}  {words.usd(m.cost)}",
    )
    console.print(line, soft_wrap=True)
    said = ", ".join(map(str, m.signs)) or "none"
    console.print(Text(f"  signs: {said}"), soft_wrap=True)
    where = f"  conversation {m.conversation_id}, turn {m.turn}"
    console.print(Text(where), soft_wrap=True)
    explain = f"  tiered-router explain --decision {m.decision_id}{option}"
    console.print(Text(explain, style="dim"), soft_wrap=True)
    if m.conversation_id:
        folder = m.conversation_id.replace("-", "")
        replay = f"  tiered-router replay ~/.openhands/conversations/{folder}"
        console.print(Text(replay, style="dim"), soft_wrap=True)


def _spend(console: Console, report: Report) -> None:
    s = report.savings
    if not s.alternatives:
        _say(console, words.split(report))
        return
    rows = [("routed", words.usd(s.spent), "")]
    for a in s.alternatives:
        name = f"always {a.tier} ({', '.join(a.models)})"
        rows.append((name, words.usd(a.usd), words.percent(a.saving)))
    found = words.count(s.conversations, "conversation")
    title = f"Spend: {found}, {words.count(s.turns, 'turn')}"
    _table(console, title, ("", "USD", "saved against it"), rows)
    _say(console, [*words.split(report), *words.against_mix(report)])
    _say(console, [words.METHOD["single"], words.METHOD["mix"]])
    _say(console, [words.METHOD["interval"], words.honoured(report)])


def _tiers(console: Console, report: Report) -> None:
    calls = sum(g.calls for g in report.tiers)
    rows = [
        (
            str(g.key[0] or "?"),
            f"{g.calls:,}",
            f"{g.calls / calls:.0%}",
            words.spent([g]),
            f"{g.hard:,}",
            f"{g.leaked:,}",
            "?" if g.quality is None else f"{g.quality:.0f}",
        )
        for g in report.tiers
    ]
    head = ("tier", "calls", "share", "USD", "hard", "leaked", "quality")
    _table(console, "Tiers", head, rows)
    judged = ", ".join(
        f"{g.calls:,} {g.key[0] or 'unknown'}" for g in report.provisions
    )
    _say(console, [f"Provisioning: {judged}", words.METHOD["hard"]])
    _say(console, [words.METHOD["quality"]])


def _solved(console: Console, report: Report) -> None:
    rows = [
        (
            s.tier,
            f"{s.solved:,}",
            f"{s.failed:,}",
            f"{s.unknown:,}",
            words.dollars(s.per_solved),
        )
        for s in report.solved
    ]
    head = ("mostly", "solved", "failed", "unknown", "USD a solved task")
    _table(console, "Solved tasks", head, rows)
    _say(console, [words.METHOD["solved"]])
    v = report.verifier
    said = (
        f"Verifier: {v.verified:,} judged, {v.accepted:,} accepted; good work accepted"
    )
    _say(console, [f"{said}: {words.rate(v.true_accept)}"])
    _say(console, [f"bad work accepted: {words.rate(v.false_accept)}"])


def _receipts(console: Console, report: Report) -> None:
    r = report.receipts
    rows = [
        ("held", f"{r.held:,}", ""),
        ("of these, against a cheaper call", f"{r.held_against_cheaper:,}", ""),
        ("expected to save by that", "", words.usd(r.held_gain)),
        ("switched", f"{r.switched:,}", words.usd(-r.switch_cost)),
    ]
    found = rows if r.held + r.switched else []
    _table(console, "Caches", ("", "turns", "USD"), found)
    _say(console, [words.METHOD["switch"]])


def _calibration(console: Console, report: Report) -> None:
    _bins(console, "Next turn mechanical", report.next_turn)
    _say(console, words.calibration(report))
    _bins(console, "Solved, by the task's score", report.task_score)
    _say(console, [words.METHOD["score"]])


def _bins(console: Console, title: str, bins: Sequence[Bin]) -> None:
    rows = []
    for b in bins:
        low, high = b.observed.interval
        thin = b.observed.count < LEAST or b.observed.share is None
        seen = "too few" if thin else f"{b.observed.share:.2f} ({low:.2f}-{high:.2f})"
        rows.append((f"{b.predicted:.2f}", seen, f"{b.observed.count:,}"))
    _table(console, title, ("mean", "seen", "cases"), rows)


def _guards(console: Console, report: Report) -> None:
    rows = [(g, k, what, f"{n:,}") for g, k, what, n in report.guards]
    _table(console, "Guards", ("guard", "event", "of", "times"), rows)
    failed = [
        (str(g.key[0] or "?"), f"{g.failovers:,}", f"{g.failed:,}")
        for g in report.endpoints
        if g.failovers or g.failed
    ]
    _table(console, "Failovers", ("endpoint", "took over", "failed"), failed)
    if report.budgets:
        _table(console, "Budgets now", words.BUDGETS, words.budgets(report))
    _say(console, words.burn(report))


def _latency(console: Console, latency: Sequence[Latency]) -> None:
    rows = [
        (words.MEASURES[f.measure], *words.percentiles(f.measure, p))
        for f in latency
        for p in f.groups
    ]
    by = ", ".join(dict.fromkeys(f.by[0] for f in latency))
    head = ("", by, "calls", "P50", "P95", "P99")
    _table(console, "Latency of answered calls", head, rows)


def _table(
    console: Console, title: str, head: Sequence[str], rows: Iterable[Sequence[str]]
) -> None:
    table = Table(box=None, pad_edge=False)
    for i, name in enumerate(head):
        table.add_column(name, justify="right" if i else "left")
    for row in rows:
        table.add_row(*map(Text, row))
    console.print()
    if table.row_count:
        console.print(f"[italic]{title}[/italic]")
        console.print(table)
    else:
        console.print(f"[italic]{title}[/italic]: nothing on record")


def _say(console: Console, lines: Iterable[str]) -> None:
    for line in lines:
        console.print(Text(line))
