"""What other processes record, counted from their file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from openhands_tiered_router.record.metrics.exposition import Exposition
from openhands_tiered_router.record.telemetry import recorder as recording
from tests.record.metrics.test_exposition import run, values


def test_the_file_gives_the_same_numbers_as_the_process(
    world, shown: Exposition, monkeypatch: pytest.MonkeyPatch
) -> None:
    router = world.router()
    path = router.recorder.path
    monkeypatch.setattr(recording, "_observers", ())  # as if in another process
    run(world, router)
    router.recorder.flush(60)
    shown.follow(path)
    before = world.provider.total_usd
    assert values(shown, "tiered_router_cost_usd_total", "tier") == {}
    run(world, router)
    router.recorder.flush(60)
    for _ in range(2):  # each call once, however often it is asked
        cost = values(shown, "tiered_router_cost_usd_total", "tier")
        assert sum(cost.values()) == pytest.approx(world.provider.total_usd - before)
        decided = values(shown, "tiered_router_decisions_total", "tier")
        assert decided == {"complex": 2, "simple": 3}
    assert values(shown, "tiered_router_attempts_total", "error") == {"none": 5}


def test_the_command_serves_it(world, tmp_path: Path) -> None:
    router = world.router()
    run(world, router)
    router.recorder.flush(60)
    process = subprocess.Popen(
        [sys.executable, "-m", "openhands_tiered_router", "metrics", "--port", "0"]
        + ["--telemetry", str(router.recorder.path)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        address = process.stdout.readline().split()[1]
        run(world, router)
        router.recorder.flush(60)
        text = httpx.get(address, timeout=60).text
    finally:
        process.terminate()
        process.wait()
    assert 'tiered_router_decisions_total{purpose="agent",tier="simple"} 3.0' in text
