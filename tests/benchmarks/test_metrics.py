"""What metrics add to a call, and what a scrape costs.

    uv run pytest -n 0 -s tests/benchmarks/test_metrics.py

CPU time, so that a busy machine counts for less.
"""

from __future__ import annotations

import os
import platform
import random
import time
from statistics import median

from prometheus_client import CollectorRegistry

from openhands_tiered_router.policy.decision import Decision
from openhands_tiered_router.policy.outcome import Attempt, Outcome, Usage
from openhands_tiered_router.record.metrics.counters import Counters
from openhands_tiered_router.record.metrics.exposition import exposition
from openhands_tiered_router.record.telemetry.records import Call, routed
from openhands_tiered_router.sdk.tracing import in_span
from openhands_tiered_router.tiers import Tier


BUDGET = 100e-6
"""Seconds a call: a tenth of what deciding may take."""
CALLS, RUNS = 500, 31
KEYS = [f"{tier}/{n}" for tier in ("simple", "complex") for n in range(2, 6)]


def record(number: int) -> Call:
    key = KEYS[number % len(KEYS)]
    tier = Tier.of(key)
    decision = Decision(tier=tier, endpoint=key, required=tier)
    outcome = Outcome(
        endpoint=key,
        attempts=(Attempt(endpoint=key, error=None, seconds=1.0),),
        usage=Usage(prompt=9_000, completion=200, cache_read=8_000, reasoning=50),
        cost=0.01,
        seconds=2.0,
        first_token_seconds=0.4,
    )
    return routed(
        decision,
        outcome,
        decision_id=str(number),
        conversation_id="c",
        time=0.0,
        overhead_us=300.0,
    )


def interval(name: str, runs: list[float]) -> float:
    """Prints the median with a 95 % bootstrap interval; returns it."""
    draw = random.Random(0)
    medians = sorted(median(draw.choices(runs, k=len(runs))) for _ in range(2_000))
    middle, low, high = (1e6 * s for s in (median(runs), medians[50], medians[1_949]))
    print(f"{name}: {middle:.1f} us [{low:.1f}, {high:.1f}], {len(runs)} runs")
    return median(runs)


def test_a_call_and_a_scrape() -> None:
    machine = f"{platform.machine()}, {os.cpu_count()} cores"
    load = f"load {os.getloadavg()[0]:.1f}"
    print(f"\n{machine}, Python {platform.python_version()}, {load}")
    counted = Counters(CollectorRegistry())
    calls = [record(number) for number in range(CALLS)]

    def call() -> float:
        began = time.process_time()
        for done in calls:
            counted.see(done)
        return (time.process_time() - began) / CALLS

    call()
    assert interval("the record of a call", [call() for _ in range(RUNS)]) < BUDGET

    def untraced() -> float:
        began = time.process_time()
        for _ in range(CALLS):
            in_span(lambda: None, None, None)  # type: ignore[arg-type]
        return (time.process_time() - began) / CALLS

    interval("tracing that is off", [untraced() for _ in range(RUNS)])
    shown = exposition()

    def scrape() -> float:
        began = time.process_time()
        shown.answer("/metrics")
        return time.process_time() - began

    interval("a scrape", [scrape() for _ in range(RUNS)])
