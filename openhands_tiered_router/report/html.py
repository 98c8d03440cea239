"""A report as one page that needs nothing but itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import cache
from html import escape
from importlib.resources import files
from string import Template

from openhands_tiered_router.report import svg, words
from openhands_tiered_router.report.build import Report
from openhands_tiered_router.report.calibration import LEAST, Bin
from openhands_tiered_router.telemetry.assess import Misroute
from openhands_tiered_router.tiers import Tier


def page(report: Report) -> str:
    """The page: HTML with inline SVG, without script."""
    sections = (
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
    return Template(_part("report.html")).substitute(
        title="What routing cost and saved",
        style=_part("report.css"),
        span=escape(_span(report)),
        figures=_figures(report),
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
    found = [
        ("spent", words.usd(sum(g.cost for g in report.tiers))),
        ("calls", f"{sum(g.calls for g in report.tiers):,}"),
    ]
    for what, other in (("the top model", top), ("the best single model", best)):
        if other is not None and other.saving is not None:
            share = f"{other.saving.value:.0%}"
            found.append((f"saved against {what} (estimate)", share))
    if s.leak is not None:
        mix = "no random mix costs the same"
        if s.mix is not None:
            mix = f"random mix at equal cost: {1 - s.mix:.0%}"
        found.append((f"of hard turns leaked ({mix})", f"{s.leak.value:.0%}"))
    return "".join(f"<p><b>{escape(v)}</b>{escape(n)}</p>" for n, v in found)


def _spend(report: Report) -> str:
    s = report.savings
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
    columns: dict[str, float] = {}
    for g in report.days:
        columns[str(g.key[0])] = columns.get(str(g.key[0]), 0.0) + g.cost
    left = _table(words.BUDGETS, words.budgets(report)) if report.budgets else ""
    return _section(
        "Budget burn",
        svg.days(list(columns.items()), "USD of each day"),
        _paragraphs(words.burn(report)),
        left,
    )


def _tiers(report: Report) -> str:
    rows = [
        (
            str(g.key[0] or "?"),
            f"{g.calls:,}",
            words.usd(g.cost),
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
    table = _table(("turns", "", "USD"), rows)
    return _section("Cache receipts", table, _note(words.METHOD["switch"]))


def _next_turn(report: Report) -> str:
    plot = svg.reliability(report.next_turn, "Mechanical turns: predicted and seen")
    off = report.next_turn_error
    said = "No turn is judged yet."
    if off is not None:
        said = f"Expected calibration error {off:.3f}; seen on the vertical axis."
    return _section("Next turn mechanical", plot, _paragraphs([said]))


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
    rows = [
        (
            f"{found.measure.replace('_', ' ')}, {p.key[0]}",
            f"{p.count:,}",
            *(f"{v:,.4g}" for v in (p.p50, p.p95, p.p99)),
        )
        for found in report.latency
        for p in found.groups
    ]
    return _section("Latency", _table(("", "calls", "P50", "P95", "P99"), rows))


def _misroutes(report: Report) -> str:
    rows = [_misroute(m) for m in report.misroutes]
    head = ("provision", "quality", "turn", "tier", "signs", "look closer")
    return _section("Misrouted turns, the worst first", _table(head, rows), wide=True)


def _misroute(m: Misroute) -> tuple[str, ...]:
    quality = "?" if m.quality is None else str(m.quality)
    signs = ", ".join(map(str, m.signs))
    explain = f"tiered-router explain --decision {m.decision_id}"
    return str(m.provision), quality, str(m.turn), str(m.tier), signs, explain


def _section(title: str, *parts: str, wide: bool = False) -> str:
    kind = ' class="wide"' if wide else ""
    return f"<section{kind}><h2>{escape(title)}</h2>{''.join(parts)}</section>"


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
