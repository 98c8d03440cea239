"""Figures in words and tables, the same on the page and in the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from openhands_tiered_router.plural import counted
from openhands_tiered_router.record.report.build import Report
from openhands_tiered_router.record.report.conversations import Misroute
from openhands_tiered_router.record.report.intervals import LEAST, Estimate
from openhands_tiered_router.record.report.live import limit_in_words
from openhands_tiered_router.record.report.savings import Alternative, Savings
from openhands_tiered_router.record.telemetry.quality import Sign
from openhands_tiered_router.record.telemetry.sums import Group, Percentiles


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under their heads; texts are on the left of the first column."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()
    """How its figures are made."""


NOTHING: Final = (
    "Each routed call is recorded unless telemetry is off. Make some with "
    '`tiered-router run --task "..."`, or look further back with --since 4w.'
)

UNKNOWN: Final = "not known"

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

SIGNS: Final = {
    Sign.FAILED: "a tool call failed",
    Sign.INVALID: "a tool call could not run",
    Sign.REWORK: "its edit was redone soon after",
    Sign.REPEATED: "it failed as a turn shortly before had",
    Sign.ESCALATED: "the next turn had to go to a stronger tier",
    Sign.OVERPAID: "a weaker tier would have cost less",
    Sign.UNDER_ROUTED: "a hard turn on the weaker of two tiers",
}
"""For a stranger."""

FEW: Final = {95: 20, 99: 100}
"""Calls below which that percentile is merely the slowest call: it is not shown."""

_MEASURES: Final = {
    "first_token_seconds": "to first token, s",
    "seconds": "whole call, s",
    "overhead_us": "deciding, ms",
}


def headline(report: Report) -> str:
    """What was spent, on what, and what one model alone would have cost."""
    if not report.whole["calls"]:
        return f"{when(report)}: no calls were recorded."
    tasks = counted(report.task_count, "task")
    said = f"{when(report)}: {spent([report.whole])} for {tasks}"
    alone, s = report.savings.alone, report.savings
    if alone is None or not s.spent:
        return f"{said}."
    usd = alone.usd + s.left_out
    said += f"; {alone_name(alone)} alone would have cost about {usd_or_cents(usd)}"
    if alone.saving and alone.saving.low is not None and alone.saving.high is not None:
        low, high = (
            s.spent / (1 - share) + s.left_out if share < 1 else usd
            for share in (alone.saving.low, alone.saving.high)
        )
        said += f" ({usd_or_cents(low)} to {usd_or_cents(high)})"
    worse = usd < s.spent + s.left_out
    return f"{said}. Routing cost more." if worse else f"{said}."


def when(report: Report) -> str:
    """The time that a report is about."""
    if report.conversation_id is not None:
        return f"Conversation {report.conversation_id[:8]}"
    if report.since <= 0:
        return "All time"
    span = report.made - report.since
    for seconds, unit in ((86_400, "day"), (3_600, "hour")):
        count = round(span / seconds)
        if count and abs(span - count * seconds) < 120:
            return f"Last {counted(count, unit)}" if count > 1 else f"Last {unit}"
    return f"Since {datetime.fromtimestamp(report.since):%Y-%m-%d %H:%M}"


def alone_name(alternative: Alternative) -> str:
    """The model that serves alone; its tier, where configurations had several."""
    if len(alternative.models) == 1:
        return short_model(alternative.models[0])
    return f"the {alternative.tier} tier"


def short_model(model: str) -> str:
    """A litellm model string without its provider."""
    return model.rpartition("/")[2]


def usd(value: float | None) -> str:
    if value is None:
        return UNKNOWN
    sign, size = ("-" if value < 0 else ""), abs(value)
    return f"{sign}${size:,.2f}" if size >= 1 or not size else f"{sign}${size:.4f}"


def usd_or_cents(value: float) -> str:
    """Of an estimate: no more digits than it has."""
    return (
        f"${value:,.0f}"
        if value >= 20
        else f"${value:,.2f}"
        if value >= 0.1
        else usd(value)
    )


def spent(groups: Iterable[Group]) -> str:
    """USD; a sum without any known price is not known, rather than 0."""
    calls = known = unpriced = cost = 0.0
    for g in groups:
        calls, unpriced = calls + g["calls"], unpriced + g["unpriced"]
        known += g["answered"] + g["failed"] - g["unpriced"]
        cost += g["cost"]
    if calls and not known:
        return UNKNOWN
    return usd(cost) + (" and more" if unpriced else "")


def cached(group: Group) -> str:
    """Share of the prompts' tokens that were read from caches."""
    prompt = group["prompt_tokens"]
    return f"{group['cache_read_tokens'] / prompt:.0%}" if prompt else "-"


def thin(report: Report) -> list[str]:
    """What to know before any of it is quoted."""
    found = report.savings.conversations
    if not 0 < found < LEAST:
        return []
    whole = counted(found, "conversation")
    return [f"Only {whole} to compare: too few to predict the next ones from."]


def percent(estimate: Estimate | None) -> str:
    if estimate is None:
        return UNKNOWN
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.0%}"
    return f"{estimate.value:.0%} ({estimate.low:.0%} to {estimate.high:.0%})"


def dollars(estimate: Estimate) -> str:
    if estimate.low is None or estimate.high is None:
        return usd(estimate.value)
    return f"{usd(estimate.value)} ({usd(estimate.low)} to {usd(estimate.high)})"


def outcomes(report: Report) -> str:
    """Of all tasks: how many are solved, and what each of these cost."""
    whole = report.solved
    judged = whole.solved + whole.failed
    if not judged:
        return (
            f"not judged ({counted(whole.unknown, 'task')}): turn on [verify], or "
            "record one with `tiered-router verdict`"
        )
    said = f"{whole.solved:,} of {counted(judged, 'judged task')} solved"
    if whole.per_solved is not None:
        said += f", {dollars(whole.per_solved)} for each solved one"
    return said + (f"; {whole.unknown:,} not judged" if whole.unknown else "")


def caches(report: Report) -> str:
    """What changes of endpoint cost, and what staying was expected to save."""
    w = report.whole
    moves = f"{counted(round(w['moved']), 'change')} of endpoint"
    if not w["moved"] and not w["held"]:
        return "not known: no turn is judged yet"
    read, rewritten = cached(w), usd(w["rewrite_usd"])
    said = f"{read} of prompts read from caches; {moves} rewrote {rewritten}"
    if w["held_gain"] > 0:
        said += f"; staying was expected to save {usd(w['held_gain'])}"
    if w["hour_paid"] or w["hour_saved"]:
        paid, saved = usd(w["hour_paid"]), usd(w["hour_saved"])
        said += f"; hours of cache cost {paid} and saved {saved}"
    return said


def left_out(report: Report) -> list[str]:
    """What ``[tokens]`` left out of prompts, and what that saved; none: nothing."""
    w = report.whole
    kinds = {"of old results": "spared_results", "of tools' schemas": "spared_schemas"}
    said = [f"{w[key]:,.0f} tokens {of}" for of, key in kinds.items() if w[key]]
    if not said:
        return []
    return [
        f"{' and '.join(said)}, over all prompts: an estimated {usd(w['spared_usd'])} "
        "less, at what each prompt's tokens cost on average"
    ]


def mistakes(report: Report) -> str:
    """How many turns were on the wrong tier, of how many."""
    weak, strong = (report.provision(None, p) for p in ("under", "over"))
    judged = weak + strong + report.provision(None, "right")
    if not judged:
        return "not known: no turn is judged yet"
    return (
        f"{weak:,.0f} of {judged:,.0f} judged turns went to too weak a tier, "
        f"{strong:,.0f} to a stronger one than needed: report --misroutes"
    )


def mistake(m: Misroute) -> tuple[str, str]:
    """A turn on the wrong tier in a line, and what speaks for it."""
    side = "too weak a tier" if m.provision == "under" else "stronger than needed"
    kind = "hard" if m.hard else "mechanical"
    said = f"{str(m.tier).capitalize()}, {side}: a {kind} turn, {usd(m.cost)}"
    return said, "; ".join(SIGNS[Sign(s)] for s in m.signs if s in set(Sign))


def spent_by_day(report: Report) -> dict[str, float]:
    """USD; none if no price is known."""
    found: dict[str, float] = {}
    for g in report.days if spent(report.days) != UNKNOWN else ():
        found[str(g.key[0])] = found.get(str(g.key[0]), 0.0) + g["cost"]
    return found


def budgets(report: Report) -> list[str]:
    """A line for each limit, with what is used of it."""
    found: list[str] = []
    for b in report.budgets or ():
        used, limit = (
            usd(amount) if b.unit == "usd" else f"{amount:,.0f} {b.unit}"
            for amount in (b.used, b.limit)
        )
        named = b.scope if b.name in ("", b.scope) else f"{b.scope} ({b.name})"
        found.append(f"{named}: {used} of {limit}, {b.left:.0%} left")
    return found


def notes(report: Report) -> list[str]:
    """What the figures lack."""
    w, said = report.whole, []
    if w["unpriced"]:
        calls = counted(round(w["unpriced"]), "answered call")
        said.append(f"{calls} without a known price: in no sum here.")
    if report.unjudged:
        found = counted(report.unjudged, "conversation")
        said.append(f"{found} not judged yet: run this again.")
    if report.lost:
        said.append(f"{counted(report.lost, 'record')} never reached the file.")
    return said


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


def count(number: float) -> str:
    return f"{number:,.0f}" if number else "-"


def comparison(report: Report) -> Table:
    """What each model alone would have cost."""
    s = report.savings
    rows = [("routed", usd(s.spent), "")]
    for a in s.alternatives:
        names = ", ".join(map(short_model, a.models))
        rows.append((f"always {a.tier} ({names})", usd(a.usd), percent(a.saving)))
    found = f"{s.conversations:,} conversations, {s.turns:,} turns"
    return Table(
        f"What it would have cost otherwise: {found}",
        ("", "USD", "saved, 95 % interval"),
        rows if s.alternatives else (),
        (_SINGLE, _INTERVAL, _HARD, _honoured(report)),
    )


def split(report: Report) -> list[str]:
    """The saving, part by part; each says of what it is."""
    s = report.savings
    if s.by_model is None or s.by_routing is None:
        return ["No judged turns with known prices: nothing to compare with."]
    said = [
        f"Saved by the choice of model (always {s.best} instead of always {s.top}): "
        f"{dollars(s.by_model)}",
        f"Saved by routing (instead of always {s.best}): {dollars(s.by_routing)}",
    ]
    if s.by_routing.value < 0:
        said.append(f"Routing cost more than always {s.best} would have.")
    return said + _against_mix(s)


def _against_mix(s: Savings) -> list[str]:
    """Under-routing beside that of a random mix of models at the same cost."""
    if s.under_routed is None:
        return []
    said = [f"Under-routed: {percent(s.under_routed)} of hard turns"]
    if s.mix is None or s.under_over_mix is None:
        return [*said, "No random mix of models costs what was spent."]
    said.append(
        "Whole conversations put at random on the best single or the cheapest model, "
        f"at equal cost, under-route {1 - s.mix:.0%}; difference: "
        f"{percent(s.under_over_mix)}"
    )
    over = s.under_over_mix
    if over.low is not None and over.high is not None:
        if over.low > 0:
            said.append("Routing did worse than that mix for the same money.")
        elif over.high < 0:
            said.append("Routing did better than that mix for the same money.")
        else:
            said.append("No difference is shown: the interval has 0 in it.")
    return said


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
