"""Whether what was predicted came true: reliability by bins of the prediction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from openhands_tiered_router.record.telemetry.sums import Group, Span
from openhands_tiered_router.record.telemetry.verdicts import Rate


LEAST: Final = 20
"""Cases below which a bin is not shown as a rate."""

BINS: Final = 10
"""A tenth each."""


@dataclass(frozen=True, slots=True)
class Bin:
    """Cases whose prediction was alike."""

    predicted: float
    """Mean."""
    observed: Rate
    """Wilson's interval takes cases for independent; turns of a conversation are not
    quite, so it is somewhat too narrow."""


def next_turn(connection: sqlite3.Connection, span: Span) -> tuple[Bin, ...]:
    """Predicted probability that a turn is mechanical, against what it was.

    A probability of 0 is a rule's word that a turn is hard, not the model's: left out.
    """
    sql = f"""
        SELECT avg(p_mechanical), count(*) FILTER (WHERE NOT hard), count(*)
        FROM decisions
        WHERE {span.where()} AND hard IS NOT NULL AND p_mechanical > 0
        GROUP BY min(CAST(p_mechanical * {BINS} AS INTEGER), {BINS - 1})
    """
    rows = connection.execute(sql, span.values())
    return tuple(Bin(mean, Rate(seen, cases)) for mean, seen, cases in rows)


def error(bins: Iterable[Bin]) -> float | None:
    """Expected calibration error: mean distance of the two, weighted by cases
    (Naeini, Cooper and Hauskrecht, 2015)."""
    known = [(b.predicted, b.observed) for b in bins]
    count = sum(rate.count for _, rate in known)
    if not count:
        return None
    return sum(abs(p * r.count - r.hits) for p, r in known) / count


def task_score(
    conversations: Sequence[Group], verdicts: Mapping[str, bool]
) -> tuple[Bin, ...]:
    """Share of solved conversations by their mean complexity, in bins of a tenth.

    The score is a ranking, not a probability: the harder, the fewer should be solved.
    """
    bins: dict[int, list[tuple[float, bool]]] = {}
    for sums in conversations:
        key = sums.key[0] or ""
        if sums["scored"] and key in verdicts:
            score = sums["score"] / sums["scored"]
            place = min(int(score * BINS), BINS - 1)
            bins.setdefault(place, []).append((score, verdicts[key]))
    return tuple(
        Bin(sum(s for s, _ in b) / len(b), Rate(sum(ok for _, ok in b), len(b)))
        for _, b in sorted(bins.items())
    )
