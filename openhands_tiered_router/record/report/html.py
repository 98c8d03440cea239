"""A report as one page that needs nothing but itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import cache
from html import escape
from importlib.resources import files
from string import Template

from openhands_tiered_router.record.report import svg, words
from openhands_tiered_router.record.report.build import Report
from openhands_tiered_router.record.report.calibration import LEAST, Bin
from openhands_tiered_router.record.telemetry.assess import Misroute
from openhands_tiered_router.tiers import Tier


def page(report: Report) -> str:
    """The page: HTML with inline SVG, without script."""
    sections = (
        (_nothing(),)
        if not report.tiers
        else (
            _spend(report),
            _split(report),
            _mix(report),
            _burn(report),
            _tiers(report),
            _solved(report),
            _caches(report),
            _next_turn(report),
            _score(report),
            _guards(report),
            _latency(report),
            _misroutes(report),
        )
    )
    return Template(_part("report.html")).substitute(
        title="What routing cost and saved",
        style=_part("report.css"),
        span=escape(_span(report)),
        figures=_figures(report),
        thin=_paragraphs(words.thin(report)) if report.tiers else "",
        sections="\n".join(sections),
        notes=_paragraphs(words.notes(report)),
    )


@cache
def _part(name: str) -> str:
    return files(__package__).joinpath("page", name).read_text("utf-8")


def _span(report: Report) -> str:
    until = min(report.until, report.made)
    since = _time(report.since) if report.since > 0 else "the beginning"
    one = f"conversation {report.conversation_id}, " if report.conversation_id else ""
    return f"{one}from {since} to {_time(until)}; days are those of UTC"


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _figures(report: Report) -> str:
    s = report.savings
    top = next((a for a in s.alternatives if a.tier == s.top), None)
    best = next((a for a in s.alternatives if a.tier == s.best), None)
    if not report.tiers:
        return ""
    found = [
        ("spent", words.spent(report.tiers)),
        ("calls", f"{sum(g.calls for g in report.tiers):,}"),
    ]
    for what, other in (("the top model", top), ("the best single model", best)):
        if other and other.saving and other.saving.low is not None:
            share = f"{other.saving.value:.0%}"
            found.append((f"saved against {what} (estimate)", share))
    if s.leak is not None and s.leak.low is not None:
        mix = "no random mix costs the same"
        if s.mix is not None:
            mix = f"random mix at equal cost: {1 - s.mix:.0%}"
        found.append((f"of hard turns leaked ({mix})", f"{s.leak.value:.0%}"))
    return "".join(f"<p><b>{escape(v)}</b>{escape(n)}</p>" for n, v in found)


def _nothing() -> str:
    return _section("Nothing is on record for that time", _note(words.NOTHING))


def _spend(report: Report) -> str:
    s = report.savings
    if not s.alternatives:
        return ""
    bars = [("routed", s.spent, words.usd(s.spent))]
    bars += [(f"always {a.tier}", a.usd, words.usd(a.usd)) for a in s.alternatives]
    rows = [
        (f"always {a.tier}: {', '.join(a.models)}", words.percent(a.saving))
        for a in s.alternatives
    ]
    return _section(
        "Spend beside single models",
        svg.bars(bars, "USD of routing and of each model alone"),
        _table(("instead of", "share saved; negative: routing cost more"), rows),
        _note(words.METHOD["single"]),
        _note(words.METHOD["interval"]),
        _note(words.honoured(report)),
    )


def _split(report: Report) -> str:
    return _section(
        "Where the saving comes from",
        _paragraphs(words.split(report)),
        _paragraphs(words.against_mix(report)),
        _note(words.METHOD["mix"]),
        _note(words.METHOD["hard"]),
    )


def _mix(report: Report) -> str:
    kinds = [str(t) for t in Tier]
    columns: dict[str, dict[str, float]] = {}
    for g in report.days:
        columns.setdefault(str(g.key[0]), {})[str(g.key[1])] = g.calls
    keys = "".join(f'<span><i class="{k}"></i>{k}</span>' for k in kinds)
    plot = svg.stacks(list(columns.items()), kinds, "Share of calls by tier and day")
    return _section("Tiers over time", plot, f'<p class="key">{keys}</p>')


def _burn(report: Report) -> str:
    columns = list(words.spent_by_day(report).items())
    return _section(
        "Budget burn",
        svg.days(columns, "USD of each day") if columns else "",
        _paragraphs(words.burn(report)),
        _table(words.BUDGETS, words.budgets(report)) if report.budgets else "",
    )


def _tiers(report: Report) -> str:
    rows = [
        (
            str(g.key[0] or "?"),
            f"{g.calls:,}",
            words.spent([g]),
            f"{g.hard:,}",
            f"{g.leaked:,}",
            "?" if g.quality is None else f"{g.quality:.0f}",
        )
        for g in report.tiers
    ]
    head = ("tier", "calls", "USD", "hard", "leaked", "quality")
    said = _paragraphs([words.provisioning(report)])
    note = _note(words.METHOD["quality"])
    return _section("Quality of decisions", _table(head, rows), said, note)


def _solved(report: Report) -> str:
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
    head = ("mostly", "solved", "failed", "unknown", "USD each")
    return _section(
        "Solved tasks",
        _table(head, rows),
        _note(words.METHOD["solved"]),
        _paragraphs(words.verifier(report)),
    )


def _caches(report: Report) -> str:
    r = report.receipts
    rows = [
        ("held", f"{r.held:,}", ""),
        ("held against a cheaper call", f"{r.held_against_cheaper:,}", ""),
        ("expected to save by that", "", words.usd(r.held_gain)),
        ("switched", f"{r.switched:,}", words.usd(-r.switch_cost)),
    ]
    table = _table(("turns", "", "USD"), rows if r.held + r.switched else ())
    return _section("Cache receipts", table, _note(words.METHOD["switch"]))


def _next_turn(report: Report) -> str:
    shown = any(b.observed.count >= LEAST for b in report.next_turn)
    plot = svg.reliability(report.next_turn, "Mechanical turns: predicted and seen")
    said = words.calibration(report)
    axes = "Of turns alike in their prediction, the share that was mechanical."
    return _section(
        "Next turn mechanical",
        plot + _note(axes) if shown else "",
        _paragraphs(said),
    )


def _score(report: Report) -> str:
    rows = [
        (f"{b.predicted:.2f}", _seen(b), str(b.observed.count))
        for b in report.task_score
    ]
    table = _table(("mean score", "solved", "tasks"), rows)
    return _section("Task score", table, _note(words.METHOD["score"]))


def _seen(found: Bin) -> str:
    if found.observed.share is None or found.observed.count < LEAST:
        return "too few"
    low, high = found.observed.interval
    return f"{found.observed.share:.2f} ({low:.2f} to {high:.2f})"


def _guards(report: Report) -> str:
    rows = [(f"{g} {k}", what, f"{n:,}") for g, k, what, n in report.guards]
    rows += [
        ("failover", str(g.key[0] or "?"), f"{g.failovers:,}")
        for g in report.endpoints
        if g.failovers
    ]
    table = _table(("event", "of", "times"), rows)
    return _section("Breakers, failovers, guards", table)


def _latency(report: Report) -> str:
    found = {(f.by[0], f.measure): f.groups for f in report.latency}
    parts: list[str] = []
    plotted = found.get(("day", "seconds"), ())
    if any(p.count >= words.FEW[95] for p in plotted):
        enough = [p for p in plotted if p.count >= words.FEW[95]]
        bands = [(str(p.key[0]), p.p50, p.p95) for p in enough]
        parts.append(svg.bands(bands, "Seconds of a whole call by day, P50 and P95"))
        parts.append(_note("Whole call by day, seconds: P50 to P95."))
    for by in dict.fromkeys(f.by[0] for f in report.latency):
        tables = [
            _table(
                (words.MEASURES[f.measure], "calls", "P50", "P95", "P99"),
                [words.percentiles(f.measure, p) for p in f.groups],
            )
            for f in report.latency
            if f.by[0] == by and f.groups
        ]
        if tables:
            parts.append(_folded(f"By {by}", *tables, unfolded=by == "tier"))
    parts.append(_note(words.METHOD["latency"]))
    return _section("Latency", *parts)


def _misroutes(report: Report) -> str:
    listed = "".join(map(_misroute, report.misroutes))
    shown = f"<ul>{listed}</ul>" if listed else _note("Nothing on record.")
    return _section("Misrouted turns, the worst first", shown, wide=True)


def _misroute(m: Misroute) -> str:
    quality = "?" if m.quality is None else str(m.quality)
    signs = ", ".join(map(str, m.signs)) or "none"
    said = f"{m.provision}-provisioned, quality {quality}, turn {m.turn} on {m.tier}"
    explain = f"tiered-router explain --decision {m.decision_id}"
    return f"<li>{escape(f'{said}: {signs}')}<br><code>{escape(explain)}</code></li>"


def _section(title: str, *parts: str, wide: bool = False) -> str:
    kind = ' class="wide"' if wide else ""
    return f"<section{kind}><h2>{escape(title)}</h2>{''.join(parts)}</section>"


def _folded(title: str, *parts: str, unfolded: bool = False) -> str:
    state = " open" if unfolded else ""
    return (
        f"<details{state}><summary>{escape(title)}</summary>{''.join(parts)}</details>"
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    body = "".join(f"<tr>{_cells('td', r)}</tr>" for r in rows)
    if not body:
        return _note("Nothing on record.")
    return (
        f'<div class="scroll"><table><thead><tr>{_cells("th", head)}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _cells(kind: str, texts: Iterable[str]) -> str:
    return "".join(f"<{kind}>{escape(t)}</{kind}>" for t in texts)


def _paragraphs(lines: Iterable[str]) -> str:
    return "".join(f"<p>{escape(line)}</p>" for line in lines)


def _note(text: str) -> str:
    return f'<p class="note">{escape(text)}</p>'
