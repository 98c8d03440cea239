"""The tables of a report, the same on the page and in the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from openhands_tiered_router.plural import counted
from openhands_tiered_router.record.report.build import Report
from openhands_tiered_router.record.report.intervals import LEAST
from openhands_tiered_router.record.report.live import limit_in_words
from openhands_tiered_router.record.report.words import (
    cached,
    count,
    percent,
    short_model,
    spent,
    usd,
)
from openhands_tiered_router.record.telemetry.sums import Percentiles


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under their heads; texts are on the left of the first column."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()
    """How its figures are made."""


_SINGLE: Final = (
    "Estimate: each conversation's recorded tokens, had one model served them all. "
    "Of each prompt, what the turn before had sent counts as cached within the "
    "cache's lifetime; the other model is assumed to need the same turns."
)
_INTERVAL: Final = (
    "Intervals: 95 %, percentile bootstrap over conversations; none below "
    f"{LEAST} conversations."
)
_HARD: Final = (
    "A turn is hard if it then did more than look, list or search; under-routed: "
    "served by a tier below the one that it was weighed against."
)
_LATENCY: Final = (
    "Of answered calls; exact, by nearest rank. A whole call includes its waits "
    "and failovers; the first token is known of streamed answers only."
)

FEW: Final = {95: 20, 99: 100}
"""Calls below which that percentile is merely the slowest call: it is not shown."""

_MEASURES: Final = {
    "first_token_seconds": "to first token, s",
    "seconds": "whole call, s",
    "overhead_us": "deciding, ms",
}


def tiers(report: Report) -> Table:
    """What each tier did; a new column of the report is a head and a cell here."""
    calls = report.whole["calls"]
    head = ("tier", "calls", "share", "USD", "cached", "too weak", "too strong",
            "models")  # fmt: skip
    rows = [
        (
            str(g.key[0] or "?"),
            f"{g['calls']:,.0f}",
            f"{g['calls'] / calls:.0%}",
            spent([g]),
            cached(g),
            count(report.provision(g.key[0], "under")),
            count(report.provision(g.key[0], "over")),
            _models(report, g.key[0]),
        )
        for g in report.tiers
    ]
    note = (
        "Too weak: turns that went wrong on the weaker of two tiers. Too strong: "
        "mechanical turns for which a weaker tier would have cost less."
    )
    return Table("Tiers and models", head, rows, (note,))


def _models(report: Report, tier: str | None) -> str:
    """The models that served a tier, the most called first."""
    found = [g for g in report.models if g.key[0] == tier and g.key[1]]
    ordered = sorted(found, key=lambda g: -g["calls"])
    return ", ".join(dict.fromkeys(short_model(str(g.key[1])) for g in ordered))


def comparison(report: Report) -> Table:
    """What each model alone would have cost."""
    s = report.savings
    rows = [("routed", usd(s.spent), "")]
    for a in s.alternatives:
        names = ", ".join(map(short_model, a.models))
        rows.append((f"always {a.tier} ({names})", usd(a.usd), percent(a.saving)))
    found = f"{counted(s.conversations, 'conversation')}, {counted(s.turns, 'turn')}"
    return Table(
        f"What it would have cost otherwise: {found}",
        ("", "USD", "saved, 95 % interval"),
        rows if s.alternatives else (),
        (_SINGLE, _INTERVAL, _HARD, _honoured(report)),
    )


def _honoured(report: Report) -> str:
    """Whether caches held what the comparisons take them to hold."""
    carried = report.whole["carried_held"]
    if not carried:
        return "Cache hits: no turns on the same endpoint to check the estimates with."
    share = report.whole["read_held"] / carried
    return (
        f"Check: of the tokens that the estimates take for cached, providers read "
        f"{share:.0%} from their caches where the endpoint stayed the same."
    )


def events(report: Report) -> Table:
    """What breakers and guards did, and where calls failed over to."""
    rows = [
        (f"{guard}: {kind.replace('_', ' ')}", limit_in_words(what), f"{times:,}")
        for guard, kind, what, times in report.guards
    ]
    rows += [
        (event, str(g.key[2] or "?"), f"{g[sum_]:,.0f}")
        for event, sum_ in (("failover", "failovers"), ("failed call", "failed"))
        for g in report.models
        if g[sum_]
    ]
    head = ("event", "of", "times")
    return Table("Breakers, failovers, guards", head, rows)


def latency(report: Report) -> Table:
    """Percentiles by endpoint."""
    rows = list(map(_percentiles, report.latency))
    head = ("", "of", "calls", "P50", "P95", "P99")
    return Table("Latency", head, rows, (_LATENCY,))


def _percentiles(found: Percentiles) -> tuple[str, ...]:
    """Of few calls, the outer ones are the slowest there was, and say nothing of the
    next."""
    per = 1_000 if found.measure == "overhead_us" else 1
    p50, p95, p99 = (f"{v / per:,.2f}" for v in (found.p50, found.p95, found.p99))
    return (
        _MEASURES[found.measure],
        found.endpoint or "?",
        f"{found.count:,}",
        p50,
        p95 if found.count >= FEW[95] else "too few",
        p99 if found.count >= FEW[99] else "too few",
    )
