"""Figures in words, the same on the page and in the terminal."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from openhands_tiered_router.plural import counted
from openhands_tiered_router.record.report.build import Report
from openhands_tiered_router.record.report.conversations import Misroute
from openhands_tiered_router.record.report.intervals import LEAST, Estimate
from openhands_tiered_router.record.report.savings import Alternative, Savings
from openhands_tiered_router.record.telemetry.quality import Sign
from openhands_tiered_router.record.telemetry.sums import Group


NOTHING: Final = (
    "Each routed call is recorded unless telemetry is off. Make some with "
    '`tiered-router run --task "..."`, or look further back with --since 4w.'
)

UNKNOWN: Final = "not known"


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
    if not w["moved"] and not w["held"]:
        return "not known: no turn is judged yet"
    moves = "no change of endpoint"
    if w["moved"]:
        moves = f"{counted(round(w['moved']), 'change')} of endpoint"
        moves += f" rewrote {usd(w['rewrite_usd'])}"
    said = f"{cached(w)} of prompts read from caches; {moves}"
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
    # Four decimals are shown: an amount below them is not called 0.
    less = usd(w["spared_usd"]) if w["spared_usd"] >= 5e-5 else "less than $0.0001"
    return [
        f"{' and '.join(said)}, over all prompts: an estimated {less} saved, at what "
        "each prompt's tokens cost on average"
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


def count(number: float) -> str:
    return f"{number:,.0f}" if number else "-"


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
