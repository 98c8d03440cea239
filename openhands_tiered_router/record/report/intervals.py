"""Bootstrap intervals of ratios of sums, over conversations."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final


RESAMPLES: Final = 1_000
LEAST: Final = 20
"""Conversations below which no interval is given: percentiles of a bootstrap are known
to be too narrow there (Efron and Tibshirani, An Introduction to the Bootstrap, 1993,
chapter 14)."""

BLOCKS: Final = 500
"""More conversations than that are resampled in so many random groups. A sum over
groups drawn at random varies as one over conversations does, in a fraction of the
time."""

_SEED: Final = 0

type Row = Sequence[float]
"""What one conversation adds to each sum."""

type Statistic = Callable[[Row], float | None]
"""A figure of the sums; ``None``: it is not defined for them."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its 95 % interval; no interval: too few conversations."""

    value: float
    low: float | None = None
    high: float | None = None


def estimates(
    rows: Sequence[Row], statistics: Sequence[Statistic], resamples: int = RESAMPLES
) -> list[Estimate | None]:
    """Percentile bootstrap intervals; all figures see the same resamples.

    Args:
        rows: One a conversation, all equally long.
        statistics: What to tell of the sums over rows.
        resamples: How often conversations are drawn anew.

    Returns:
        For each statistic; ``None``: it is not defined for these rows.
    """
    if not rows:
        return [None] * len(statistics)
    values = [s(_sums(rows)) for s in statistics]
    if len(rows) < LEAST:
        return [None if v is None else Estimate(v) for v in values]
    drawn = _drawn(_blocks(rows), resamples)
    return [
        None if v is None else _estimate(v, [s(d) for d in drawn])
        for v, s in zip(values, statistics, strict=True)
    ]


def _estimate(value: float, drawn: Sequence[float | None]) -> Estimate:
    known = sorted(d for d in drawn if d is not None)
    if len(known) < 0.95 * len(drawn):
        return Estimate(value)
    last = len(known) - 1
    return Estimate(value, known[round(0.025 * last)], known[round(0.975 * last)])


def _drawn(blocks: Sequence[Row], resamples: int) -> list[Row]:
    draw = random.Random(_SEED)
    return [_sums(draw.choices(blocks, k=len(blocks))) for _ in range(resamples)]


def _blocks(rows: Sequence[Row]) -> list[Row]:
    if len(rows) <= BLOCKS:
        return list(rows)
    shuffled = list(rows)
    random.Random(_SEED).shuffle(shuffled)
    return [_sums(shuffled[i::BLOCKS]) for i in range(BLOCKS)]


def _sums(rows: Sequence[Row]) -> Row:
    return [sum(column) for column in zip(*rows, strict=True)]
