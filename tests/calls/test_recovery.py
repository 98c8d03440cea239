"""A provider that fails, hangs, comes back, and does so again and again."""

from __future__ import annotations

import pytest
from openhands.sdk.llm.exceptions import LLMServiceUnavailableError, LLMTimeoutError

from openhands_tiered_router.calls.settings import BreakerSettings
from tests.calls.bench import Bench, well


BEGIN = 1000.0


def bench_down(*spells: tuple[float, float], error: Exception) -> Bench:
    """``simple`` fails within each spell, seconds from the beginning."""

    def behaviour(_: int) -> Exception | None:
        down = any(a <= bench.now - BEGIN < b for a, b in spells)
        return error if down else None

    bench = Bench({"simple": behaviour, "simple/2": well})
    return bench


def run_for(bench: Bench, seconds: float, wait: float = 1.0) -> list[str]:
    """A call each so many seconds; the endpoint that answered each."""
    answered: list[str] = []
    while bench.now < BEGIN + seconds:
        answered.append(bench.run().attempts[-1].endpoint)
        bench.now += wait
    return answered


def times_of(bench: Bench, key: str) -> list[float]:
    """When it was called, seconds from the beginning."""
    calls = zip(bench.sent, bench.times, strict=True)
    return [at - BEGIN for endpoint, at in calls if endpoint == key]


@pytest.mark.parametrize(
    ("error", "lost"),
    [(LLMServiceUnavailableError("down"), 2), (LLMTimeoutError("silent"), 1)],
)
def test_calls_go_elsewhere_and_come_back_after_one_good_probe(
    error: Exception, lost: int
) -> None:
    bench = bench_down((10, 100), error=error)
    answered = run_for(bench, 300)
    sent = times_of(bench, "simple")
    assert len([at for at in sent if 10 <= at < 100]) == lost + 2  # two probes
    assert min(at for at in sent if at >= 100) < 100 + 30 + 2
    assert set(answered[-80:]) == {"simple"}


def test_several_good_probes_where_configured() -> None:
    bench = bench_down((10, 20), error=LLMTimeoutError("silent"))
    bench.breaker = BreakerSettings(success_threshold=3)
    run_for(bench, 120)
    assert bench.health("simple").breaker.health(bench.now) == 0


def test_one_that_flaps_costs_one_call_a_spell() -> None:
    spells = [(minute * 60.0, minute * 60.0 + 20) for minute in range(1, 10)]
    bench = bench_down(*spells, error=LLMTimeoutError("silent"))
    run_for(bench, 600)
    sent = times_of(bench, "simple")
    failed = [at for at in sent if any(a <= at < b for a, b in spells)]
    assert len(failed) == len(spells)


def test_a_probe_that_is_under_way_is_the_only_one() -> None:
    """Fifty conversations at once, after the cooldown of a provider that is down."""
    bench = bench_down((0, 1e9), error=LLMTimeoutError("silent"))
    bench.run()
    bench.now += 31
    ended = bench.together("a" * 50)
    assert ended == ["a"] * 50
    assert bench.sent.count("simple") == 2
