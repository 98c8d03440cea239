"""What breaker and rate limiter add to a call, and what shared state costs.

    uv run pytest -n 0 -s tests/benchmarks/test_guards.py

It drives the steps of a call whose endpoint answers at once, and takes off what they
cost where nothing is watched. CPU time, so that a busy machine counts for less.
"""

from __future__ import annotations

import os
import platform
import random
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, cast

import pytest
from litellm.types.utils import ModelResponse
from openhands.sdk.llm import LLMResponse, Message
from openhands.sdk.llm.utils.metrics import Metrics

from openhands_tiered_router.calls.failover import Failover
from openhands_tiered_router.calls.health.breaker import Permit
from openhands_tiered_router.calls.health.endpoint import EndpointHealth
from openhands_tiered_router.calls.settings import DispatchSettings
from openhands_tiered_router.calls.state.sqlite import SqliteStore
from openhands_tiered_router.calls.steps import Blocking
from openhands_tiered_router.calls.watch import CallFacts
from openhands_tiered_router.policy.fleet import Health
from openhands_tiered_router.policy.outcome import ErrorKind
from openhands_tiered_router.tiers import Endpoint, Limits, Tier


BUDGET = 50e-6
"""Seconds a call, in memory."""
CALLS, RUNS = 200, 31


ANSWER = LLMResponse(
    message=Message(role="assistant"),
    metrics=Metrics().get_snapshot(),
    raw_response=ModelResponse(),
)


class Unwatched:
    """Lets everything pass, and learns nothing."""

    local = True

    def health(self, now: float) -> Health:  # noqa: ARG002
        return Health.HEALTHY

    def acquire(self, now: float) -> Permit:  # noqa: ARG002
        return Permit.FREE

    def take(self, *_: object) -> float:
        return 0.0

    def nothing(self, *_: object, **__: object) -> None:
        return

    leave = settle = succeeded = took = usual = nothing


def seconds_per_call(health: EndpointHealth, calls: int) -> Callable[[], float]:
    """A run of so many calls; its result is the CPU seconds of one."""
    endpoint = Endpoint(key="simple", tier=Tier.SIMPLE, model="m")
    settings, facts = DispatchSettings(), CallFacts()

    def call() -> None:
        steps = Failover(
            order=[endpoint],
            health=lambda _: health,
            settings=settings,
            repairable=lambda _: False,
            clock=time.time,
            facts=facts,
        ).run()
        try:
            step = next(steps)
            while True:
                if isinstance(step, Blocking):
                    step = steps.send(step.work())
                else:
                    step = steps.send(ANSWER)
        except StopIteration:
            return

    def run() -> float:
        began = time.process_time()
        for _ in range(calls):
            call()
        return (time.process_time() - began) / calls

    return run


def report(name: str, runs: list[float]) -> float:
    """Prints the median with a 95 % bootstrap interval."""
    draw = random.Random(0)
    medians = sorted(median(draw.choices(runs, k=len(runs))) for _ in range(2_000))
    middle, low, high = (s * 1e6 for s in (median(runs), medians[50], medians[1_949]))
    print(f"{name}: {middle:.1f} us [{low:.1f}, {high:.1f}]")
    return middle / 1e6


def test_what_watching_adds_to_a_call(tmp_path: Path) -> None:
    load, python = os.getloadavg()[0], platform.python_version()
    print(f"\n{platform.machine()}, {os.cpu_count()} cores, load {load:.1f}, {python}")
    print(f"CPU time a call, median of {RUNS} runs of {CALLS} calls")
    rates = Limits(rpm=10**7, tpm=10**9)
    nothing = cast(Any, Unwatched())
    kinds = {
        "nothing watched": EndpointHealth(nothing, nothing, nothing),
        "breaker and latency": EndpointHealth.of("m"),
        "and rates": EndpointHealth.of("m", rates),
        "and rates, shared in SQLite": EndpointHealth.of(
            "m", rates, store=SqliteStore(tmp_path / "state.sqlite3")
        ),
    }
    calls = {name: seconds_per_call(health, CALLS) for name, health in kinds.items()}
    runs = {name: [] for name in calls}
    for _ in range(RUNS):  # in turn, so that the load is the same for all
        for name, run in calls.items():
            runs[name].append(run())
    base = runs.pop("nothing watched")
    report("nothing watched", base)
    added = {
        name: report(f"+ {name}", [t - b for t, b in zip(times, base, strict=True)])
        for name, times in runs.items()
    }
    if added["and rates"] > BUDGET and load > 1.5:
        pytest.skip(f"not within 50 us at load {load:.1f}")
    assert added["and rates"] <= BUDGET


def test_asking_a_breaker(benchmark: Callable[..., object]) -> None:
    breaker = EndpointHealth.of("m").breaker
    breaker.failed(ErrorKind.CONNECTION, 0.0)
    assert benchmark(breaker.acquire, 1.0) == 0


def test_the_health_that_ranking_asks_for(benchmark: Callable[..., object]) -> None:
    health = EndpointHealth.of("m", Limits(rpm=10))
    assert benchmark(health.health, 1.0, 2.0) == 0
