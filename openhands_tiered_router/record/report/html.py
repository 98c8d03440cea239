"""A report as one page that needs no other file and no network."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from functools import cache
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any, Final

from openhands_tiered_router.pages import html_page
from openhands_tiered_router.record.report import svg, tables, words
from openhands_tiered_router.record.report.build import Report
from openhands_tiered_router.record.report.conversations import Misroute, turns_of
from openhands_tiered_router.record.report.tables import Table
from openhands_tiered_router.record.telemetry.sums import TIERS


MOST_TURNS: Final = 20_000
"""Turns in a page, some 8 MB; older conversations have one line only."""

_LISTED: Final = 12
"""Mistakes that are shown."""


def page(report: Report, path: Path) -> str:
    """The page: HTML with inline SVG, style, data and script.

    Args:
        report: With its details.
        path: The telemetry file, for the turns of the report's conversations.
    """
    sections = [_nothing()] if not report.whole["calls"] else _sections(report)
    body = Template(_part("report.html")).substitute(
        span=escape(_span(report)),
        headline=_whole_names(escape(words.headline(report))),
        thin=_paragraphs(words.thin(report)),
        figures=_figures(report),
        sections="\n".join(sections),
        notes=_paragraphs(words.notes(report)),
    )
    return html_page(
        title=words.headline(report),
        style=_part("report.css"),
        body=body,
        script=_part("report.js"),
        data=_data(report, path),
    )


def _whole_names(text: str) -> str:
    """Names with hyphens, such as models', are not broken over two lines."""
    return re.sub(r"\w+(?:-[\w.]+)+", r'<span class="name">\g<0></span>', text)


def _sections(report: Report) -> list[str]:
    listed = "".join(map(_mistake, report.misroutes[:_LISTED]))
    return [
        _spend(report),
        _tabled(tables.tiers(report)),
        _section(
            "Conversations",
            '<div id="filters"></div><p id="shown" class="note" aria-live="polite"></p>'
            '<div id="conversations"></div>',
            "<noscript><p>The list needs JavaScript.</p></noscript>",
            wide=True,
        ),
        _section(
            "Mistakes worth a look",
            _paragraphs([words.mistakes(report)]),
            f"<ul>{listed}</ul>" if listed else _note("None were found."),
            wide=True,
        ),
        _tabled(tables.comparison(report), *words.split(report)),
        _budgets(report),
        _section(
            "Outcomes and caches",
            _paragraphs(
                map(
                    _sentence,
                    [
                        words.outcomes(report),
                        words.caches(report),
                        *words.left_out(report),
                    ],
                )
            ),
        ),
        _tabled(tables.events(report), wide=False),
        _tabled(tables.latency(report)),
    ]


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _data(report: Report, path: Path) -> dict[str, Any]:
    """What the script shows."""
    best, left, found = report.savings.best, MOST_TURNS, []
    for task in report.tasks:
        turns: list[dict[str, Any]] | None = None
        if left > 0:
            turns = turns_of(path, task.conversation_id, best)
            left -= len(turns)
        found.append(asdict(task) | {"list": turns})
    return {
        "conversations": found,
        "tiers": list(TIERS),
        "signs": {str(sign): said for sign, said in words.SIGNS.items()},
    }


@cache
def _part(name: str) -> str:
    return files(__package__).joinpath("page", name).read_text("utf-8")


def _span(report: Report) -> str:
    until = min(report.until, report.made)
    since = _time(report.since) if report.since > 0 else "the beginning"
    one = f"Conversation {report.conversation_id}, " if report.conversation_id else ""
    return f"{one}from {since} to {_time(until)}; days are those of UTC"


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _figures(report: Report) -> str:
    whole, alone = report.solved, report.savings.alone
    if not report.whole["calls"]:
        return ""
    found = [("spent", words.spent([report.whole]))]
    if alone is not None and alone.saving is not None:
        side = "saved" if alone.saving.value >= 0 else "lost"
        model = words.alone_name(alone)
        share = f"{abs(alone.saving.value):.0%}"
        found.append((f"{side} against {model} alone (estimate)", share))
    found.append(("tasks", f"{report.task_count:,}"))
    if whole.solved + whole.failed:
        judged = f"{whole.solved:,} of {whole.solved + whole.failed:,}"
        found.append(("judged tasks solved", judged))
    if whole.per_solved is not None:
        found.append(("for each solved task", words.usd(whole.per_solved.value)))
    found.append(("of prompts read from caches", words.cached(report.whole)))
    return "".join(f"<p><b>{escape(v)}</b> {escape(n)}</p>" for n, v in found)


def _nothing() -> str:
    return _section("No calls were recorded in that time", _note(words.NOTHING))


def _spend(report: Report) -> str:
    parts: dict[str, dict[str, float]] = {}
    others: dict[str, float] = {}
    best = report.savings.best
    for g in report.days:
        day, tier = str(g.key[0]), str(g.key[1])
        parts.setdefault(day, {})[tier] = g["cost"]
        if best is not None:
            rest = g["cost"] - g["compared_usd"]
            others[day] = others.get(day, 0.0) + g[f"alone_{best}"] + rest
    columns = [(day, found, others.get(day)) for day, found in parts.items()]
    keys = "".join(f'<span><i class="{t}"></i>{t}</span>' for t in TIERS)
    alone = report.savings.alone
    if alone is not None:
        model = escape(words.alone_name(alone))
        keys += f'<span><i class="line"></i>{model} alone (estimate)</span>'
    by_day = words.spent_by_day(report)
    if not by_day:
        return _section("Spend over time", _note("No price is known."), wide=True)
    mean = words.usd(sum(by_day.values()) / len(by_day))
    label = "USD of each day by tier"
    rows = [
        (day, words.usd(sum(p.values())), words.usd(other)) for day, p, other in columns
    ]
    return _section(
        "Spend over time",
        *(
            f'<div class="{name}">{svg.days(columns, TIERS, label, width)}</div>'
            for name, width in (("wide-plot", svg.WIDE), ("narrow-plot", svg.NARROW))
        ),
        f'<p class="key">{keys}</p>',
        _note(f"{mean} on a day with calls, on average."),
        _folded("As a table", _table(Table("", ("day", "spent", "alone"), rows))),
        wide=True,
    )


def _mistake(m: Misroute) -> str:
    said, signs = words.mistake(m)
    said += f" ({(m.conversation_id or '')[:8]}, turn {m.turn})"
    explain = f"tiered-router explain --decision {m.decision_id}"
    return (
        f"<li><b>{escape(said)}</b><br>{escape(signs)}<br>"
        f"<code>{escape(explain)}</code></li>"
    )


def _budgets(report: Report) -> str:
    if report.budgets is None:
        said = ["Name the configuration to see what is left: --config FILE."]
    else:
        said = words.budgets(report) or ["The configuration has no shared budget."]
    return _section("Budgets now", _paragraphs(said))


def _tabled(table: Table, *lines: str, wide: bool = True) -> str:
    """A section of a table; how its figures are made is folded away."""
    notes = _folded("How this is made", *map(_note, table.notes)) if table.notes else ""
    return _section(table.title, _table(table), _paragraphs(lines), notes, wide=wide)


def _section(title: str, *parts: str, wide: bool = False) -> str:
    kind = ' class="wide"' if wide else ""
    return f"<section{kind}><h2>{escape(title)}</h2>{''.join(parts)}</section>"


def _folded(title: str, *parts: str) -> str:
    return f"<details><summary>{escape(title)}</summary>{''.join(parts)}</details>"


def _table(table: Table) -> str:
    if not table.rows:
        return _note("Nothing was recorded.")
    body = "".join(f"<tr>{_cells('td', r)}</tr>" for r in table.rows)
    return (
        f'<div class="scroll"><table><thead><tr>{_cells("th", table.head)}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _cells(kind: str, texts: Iterable[str]) -> str:
    return "".join(f"<{kind}>{escape(t)}</{kind}>" for t in texts)


def _paragraphs(lines: Iterable[str]) -> str:
    return "".join(f"<p>{escape(line)}</p>" for line in lines)


def _note(text: str) -> str:
    return f'<p class="note">{escape(text)}</p>'
