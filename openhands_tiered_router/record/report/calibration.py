"""Whether what was predicted came true: reliability by bins of the prediction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from openhands_tiered_router.record.report.sums import ConversationSums
from openhands_tiered_router.record.telemetry import digest
from openhands_tiered_router.record.telemetry.digest import BINS
from openhands_tiered_router.record.telemetry.verdicts import Rate


LEAST: Final = 20
"""Cases below which a bin is not shown as a rate."""


@dataclass(frozen=True, slots=True)
class Bin:
    """Cases whose prediction was alike."""

    predicted: float
    """Mean."""
    observed: Rate
    """Wilson's interval takes cases for independent; turns of a conversation are not
    quite, so it is somewhat too narrow."""


def next_turn(bins: Iterable[digest.Bin]) -> tuple[Bin, ...]:
    """Predicted probability that a turn is mechanical, against what it was.

    A probability of 0 is a rule's word that a turn is hard, not the model's: left out.
    """
    return tuple(
        Bin(b.predicted / b.turns / 1e6, Rate(b.mechanical, b.turns))
        for b in bins
        if b.turns
    )


def error(bins: Iterable[Bin]) -> float | None:
    """Expected calibration error: mean distance of the two, weighted by cases
    (Naeini, Cooper and Hauskrecht, 2015)."""
    known = [(b.predicted, b.observed) for b in bins if b.observed.count]
    count = sum(rate.count for _, rate in known)
    if not count:
        return None
    off = sum(abs(p * r.count - r.hits) for p, r in known)
    return off / count


def task_score(
    sums: Sequence[ConversationSums], solved: dict[int, bool]
) -> tuple[Bin, ...]:
    """Share of solved conversations by their mean complexity, in bins of a tenth.

    The score is a ranking, not a probability: the harder, the fewer should be solved.
    """
    scores: dict[int, tuple[float, int]] = {}
    for s in sums:
        if s.score is not None and s.conversation in solved:
            total, turns = scores.get(s.conversation, (0.0, 0))
            scores[s.conversation] = total + s.score * s.turns, turns + s.turns
    bins: dict[int, list[tuple[float, bool]]] = {}
    for key, (total, turns) in scores.items():
        score = total / turns
        case = score, solved[key]
        bins.setdefault(min(int(score * BINS), BINS - 1), []).append(case)
    return tuple(
        Bin(sum(s for s, _ in b) / len(b), Rate(sum(ok for _, ok in b), len(b)))
        for _, b in sorted(bins.items())
    )
