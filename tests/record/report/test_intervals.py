import random

import pytest

from openhands_tiered_router.record.report.intervals import (
    BLOCKS,
    LEAST,
    Row,
    estimates,
)


def ratio(sums: Row) -> float | None:
    return sums[0] / sums[1] if sums[1] else None


def drawn(rng: random.Random, count: int) -> list[Row]:
    """Costs whose expected ratio is 0.6; of sizes as different as sessions' are."""
    sizes = [rng.lognormvariate(0, 0.7) for _ in range(count)]
    return [(size * rng.uniform(0.3, 0.9), size) for size in sizes]


@pytest.mark.slow
@pytest.mark.parametrize(("count", "trials"), [(60, 200), (BLOCKS + 200, 80)])
def test_intervals_cover_at_the_nominal_rate(count: int, trials: int) -> None:
    rng = random.Random(7)
    covered = 0
    for _ in range(trials):
        (found,) = estimates(drawn(rng, count), [ratio], resamples=200)
        assert found is not None
        assert found.low is not None
        assert found.high is not None
        covered += found.low <= 0.6 <= found.high
    # 95 %, give or take three standard errors of that many trials.
    error = 3 * (0.95 * 0.05 / trials) ** 0.5
    assert covered / trials == pytest.approx(0.95, abs=error + 0.01)


def test_few_conversations_have_no_interval() -> None:
    (found,) = estimates([(1.0, 2.0)] * (LEAST - 1), [ratio])
    assert found is not None
    assert found.value == 0.5
    assert found.low is None
    assert found.high is None


def test_what_is_not_defined_has_no_estimate() -> None:
    assert estimates([(1.0, 0.0)] * 30, [ratio]) == [None]
    assert estimates([], [ratio]) == [None]
