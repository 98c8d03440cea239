"""Ratios of sums over sessions, with what the choice of sessions leaves open."""

import random
from collections.abc import Sequence


RESAMPLES = 2_000


def shown(
    rows: Sequence[Sequence[float]], part: int = 1, whole: int = 0, form: str = ".3f"
) -> str:
    """Sum of one column by that of another, with a 95 % bootstrap interval."""

    def ratio(sample: Sequence[Sequence[float]]) -> float:
        return sum(r[part] for r in sample) / sum(r[whole] for r in sample)

    draw = random.Random(0)
    drawn = sorted(ratio(draw.choices(rows, k=len(rows))) for _ in range(RESAMPLES))
    low, high = drawn[RESAMPLES // 40], drawn[-RESAMPLES // 40]
    return f"{ratio(rows):{form}} [{low:{form}}, {high:{form}}]"
