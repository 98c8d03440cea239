"""Figures in words, the same on the page and in the terminal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from openhands_tiered_router.record.report.build import Report
from openhands_tiered_router.record.report.calibration import LEAST as LEAST_CASES
from openhands_tiered_router.record.report.intervals import LEAST, Estimate
from openhands_tiered_router.record.telemetry.aggregates import Group
from openhands_tiered_router.record.telemetry.percentiles import Measure, Percentiles
from openhands_tiered_router.record.telemetry.verdicts import Rate


NOTHING: Final = (
    "Calls are recorded while telemetry is on, by default in the file that "
    "`tiered-router telemetry stats` names; --since reaches further back."
)

UNKNOWN: Final = "not known"

METHOD: Final = {
    "single": (
        "Estimate: each conversation's recorded tokens, had one model served them all; "
        "of each prompt, what the turn before had sent is taken for cached within the "
        "cache's lifetime, and another model is taken to need the same turns."
    ),
    "mix": (
        "Estimate: whole conversations put at random on the best single or the "
        "cheapest model, in the share that costs what was spent."
    ),
    "interval": (
        "Intervals: 95 %, percentile bootstrap over conversations; none below "
        f"{LEAST} conversations."
    ),
    "switch": (
        "Tokens that the turn before had sent and the new endpoint did not have "
        "cached, at its price of writing less that of reading."
    ),
    "hard": (
        "A turn is hard if it then did more than look, list or search; leaked: served "
        "by a tier below the one that it was weighed against."
    ),
    "solved": (
        "Solved: the last verdict of people or CI, else the verifier's, accepts; the "
        "cost of failed tasks is included, tasks without a verdict are left out."
    ),
    "score": "The score ranks tasks; it is no probability of success.",
    "latency": (
        "Of answered calls; exact, by nearest rank. A whole call has its waits and "
        "failovers in it; the first token is known of streamed answers only."
    ),
    "quality": "0 to 100, from what followed the turn; telemetry.md has the formula.",
}


FEW: Final = {95: 20, 99: 100}
"""Calls below which that percentile is merely the slowest call: it is not shown."""

MEASURES: Final[dict[Measure, str]] = {
    "first_token_seconds": "to first token, s",
    "seconds": "whole call, s",
    "overhead_us": "deciding, ms",
}


def percentiles(measure: Measure, found: Percentiles) -> tuple[str, ...]:
    """Whose, of how many calls, and the three; of few calls, the outer ones are the
    slowest there was, and say nothing of the next."""
    per = 1_000 if measure == "overhead_us" else 1
    p50, p95, p99 = (f"{v / per:,.2f}" for v in (found.p50, found.p95, found.p99))
    return (
        str(found.key[0] or "?"),
        f"{found.count:,}",
        p50,
        p95 if found.count >= FEW[95] else "too few",
        p99 if found.count >= FEW[99] else "too few",
    )


def usd(value: float | None) -> str:
    if value is None:
        return UNKNOWN
    sign, size = ("-" if value < 0 else ""), abs(value)
    return f"{sign}${size:,.2f}" if size >= 1 or not size else f"{sign}${size:.4f}"


def spent(groups: Iterable[Group]) -> str:
    """A sum without any known price is none."""
    calls = known = unpriced = 0
    cost = 0.0
    for g in groups:
        calls, unpriced = calls + g.calls, unpriced + g.unpriced
        known, cost = known + g.answered + g.failed - g.unpriced, cost + g.cost
    if calls and not known:
        return UNKNOWN
    return usd(cost) + (" and more" if unpriced else "")


def count(number: int, what: str) -> str:
    return f"{number:,} {what}" + ("" if number == 1 else "s")


def thin(report: Report) -> list[str]:
    """What to know before any of it is quoted."""
    found = report.savings.conversations
    if not 0 < found < LEAST:
        return []
    whole = count(found, "conversation")
    return [f"{whole} with prices: too few to say anything of the next ones."]


def calibration(report: Report) -> list[str]:
    """How far predictions of the next turn are off."""
    turns = sum(b.observed.count for b in report.next_turn)
    if report.next_turn_error is None or turns < LEAST_CASES:
        return [f"{count(turns, 'judged turn')} with a prediction: too few to tell."]
    off = f"{report.next_turn_error:.3f}"
    return [f"Expected calibration error {off}, over {count(turns, 'turn')}."]


def percent(estimate: Estimate | None) -> str:
    if estimate is None:
        return "not known"
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.1%}; too few conversations for an interval"
    low, high = f"{estimate.low:.1%}", f"{estimate.high:.1%}"
    return f"{estimate.value:.1%} (95 % interval {low} to {high})"


def dollars(estimate: Estimate | None) -> str:
    if estimate is None:
        return "none solved"
    if estimate.low is None or estimate.high is None:
        return f"{usd(estimate.value)}; too few for an interval"
    return f"{usd(estimate.value)} ({usd(estimate.low)} to {usd(estimate.high)})"


def rate(found: Rate) -> str:
    if found.share is None:
        return "not known: no verdicts of people or CI yet"
    low, high = found.interval
    return f"{found.share:.0%} of {found.count:,} (95 % {low:.0%} to {high:.0%})"


def split(report: Report) -> list[str]:
    """The saving, part by part; each says of what it is."""
    s = report.savings
    if s.top is None or s.by_model is None or s.by_routing is None:
        return ["No priced turns whose tier set is on record: nothing to compare with."]
    said = [
        f"choice of model (always {s.best} instead of always {s.top}): "
        f"{dollars(s.by_model)}",
        f"routing (instead of always {s.best}): {dollars(s.by_routing)}",
    ]
    if s.by_routing.value < 0:
        said.append(f"Routing cost more than always {s.best} would have.")
    return said


def against_mix(report: Report) -> list[str]:
    s = report.savings
    if s.leak is None:
        return ["Hard-turn leak: not known, no priced turn is judged yet."]
    said = [f"Hard-turn leak: {percent(s.leak)}"]
    if s.mix is None or s.leak_over_mix is None:
        said.append("No random mix of models costs what was spent.")
    else:
        said.append(
            f"A random mix at equal cost leaks {1 - s.mix:.1%}; difference: "
            f"{percent(s.leak_over_mix)}"
        )
        said += _verdict(s.leak_over_mix)
    return said


def _verdict(over: Estimate) -> list[str]:
    if over.low is None or over.high is None:
        return []
    if over.low > 0:
        return ["Routing did worse than that mix: it leaked more for the same money."]
    if over.high < 0:
        return ["Routing did better than that mix: it leaked less for the same money."]
    return ["No difference to that mix is shown: the interval has 0 in it."]


def honoured(report: Report) -> str:
    share = report.receipts.honoured
    if share is None:
        return "Cache hits: no held turns to check the estimates with."
    return (
        f"Check: of the tokens that the estimates take for cached, providers read "
        f"{share:.0%} from their caches on held turns."
    )


def provisioning(report: Report) -> str:
    found = (f"{g.calls:,} {g.key[0] or 'not known'}" for g in report.provisions)
    return f"Provisioning of turns: {', '.join(found)}"


def verifier(report: Report) -> list[str]:
    v = report.verifier
    return [
        f"Verifier, whole record: {v.verified:,} judged, {v.accepted:,} accepted",
        f"good work that it accepted: {rate(v.true_accept)}",
        f"bad work that it accepted: {rate(v.false_accept)}",
    ]


def spent_by_day(report: Report) -> dict[str, float]:
    """USD; none if no price is known."""
    found: dict[str, float] = {}
    for g in report.days if spent(report.days) != UNKNOWN else ():
        found[str(g.key[0])] = found.get(str(g.key[0]), 0.0) + g.cost
    return found


def burn(report: Report) -> list[str]:
    """What was spent a day, and what budgets did."""
    by_day = spent_by_day(report)
    said = [f"{event}: {n:,}" for g, event, _, n in report.guards if g == "budget"]
    lines = [f"Budgets said: {', '.join(said)}." if said else "No budget was reached."]
    if by_day:
        mean = sum(by_day.values()) / len(by_day)
        lines.insert(
            0, f"{usd(mean)} a day, over {count(len(by_day), 'day')} with calls."
        )
    if report.budgets is None:
        lines.append("What is left of budgets: name the configuration (--config).")
    elif not report.budgets:
        lines.append("The configuration has no budget that is counted in one place.")
    return lines


BUDGETS: Final = ("budget", "used", "limit", "left")


def budgets(report: Report) -> list[tuple[str, ...]]:
    """Cells of a table."""
    return [
        (
            f"{b.scope}: {b.name}, {b.unit}",
            f"{b.used:,.4g}",
            f"{b.limit:,.4g}",
            f"{b.left:.0%}",
        )
        for b in report.budgets or ()
    ]


def notes(report: Report) -> list[str]:
    """What the figures lack."""
    said: list[str] = []
    unpriced = sum(g.unpriced for g in report.tiers)
    if unpriced:
        said.append(
            f"{count(unpriced, 'answered call')} without a known price: in no sum here."
        )
    waiting = sum(g.calls - g.answered - g.failed for g in report.tiers)
    if waiting:
        said.append(f"{count(waiting, 'call')} without an outcome on record (yet).")
    if report.savings.left_out > 1e-9:
        left = usd(report.savings.left_out)
        said.append(f"{left} of agent's turns have no prices on record to compare.")
    if report.unassessed:
        said.append(
            f"{count(report.unassessed, 'conversation')} not judged: run this again."
        )
    if report.lost:
        said.append(f"{report.lost:,} records never reached the file.")
    return said
