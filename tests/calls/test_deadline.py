"""An attempt ends in time, whatever it is busy with, and nothing is hit after it."""

from __future__ import annotations

import asyncio
import time

import pytest

from openhands_tiered_router.calls.clock import Clock
from openhands_tiered_router.calls.deadline import Deadline, Overdue


def drip(seconds: float, deadline: Deadline | None = None) -> str:
    """Works on in small steps, like a client that reads one byte after another."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(0.01)
        if deadline is not None:
            deadline.progress()
    return "whole"


def swallowing(seconds: float) -> str:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            time.sleep(0.01)
        except Exception:
            continue
    return "whole"


@pytest.mark.parametrize("work", [drip, swallowing])
def test_work_that_goes_on_is_ended(work) -> None:
    began = time.monotonic()
    with pytest.raises(Overdue):
        Deadline(0.2).run(lambda: work(30))
    assert time.monotonic() - began < 10


def test_what_is_done_in_time_is_left_alone() -> None:
    assert Deadline(30).run(lambda: drip(0.05)) == "whole"
    assert Deadline(None).run(lambda: drip(0.05)) == "whole"


def test_nothing_is_interrupted_afterwards() -> None:
    """Ends the work at about the moment at which its time is over."""
    ended = 0
    for i in range(200):
        try:
            Deadline(0.004).run(lambda i=i: time.sleep(0.003 + i % 5 * 0.0005))
        except Overdue:
            ended += 1
        sum(range(1_000))
    time.sleep(0.05)
    sum(range(100_000))
    assert ended <= 200


def test_progress_puts_the_end_off_up_to_the_whole() -> None:
    deadline = Deadline(30, silence=0.5)
    assert deadline.run(lambda: drip(1.5, deadline)) == "whole"
    with pytest.raises(Overdue):
        Deadline(30, silence=0.2).run(lambda: drip(30))
    deadline = Deadline(0.5, silence=5)
    with pytest.raises(Overdue):
        deadline.run(lambda: drip(30, deadline))


async def test_async_work_is_ended() -> None:
    cancelled = []

    async def wait(seconds: float, deadline: Deadline | None = None) -> str:
        try:
            for _ in range(round(seconds / 0.01)):
                await asyncio.sleep(0.01)
                if deadline is not None:
                    deadline.progress()
        except asyncio.CancelledError:
            cancelled.append(seconds)
            raise
        return "whole"

    assert await Deadline(30).arun(lambda: wait(0.05)) == "whole"
    assert await Deadline(None).arun(lambda: wait(0.05)) == "whole"
    with pytest.raises(Overdue):
        await Deadline(0.2).arun(lambda: wait(60))
    assert cancelled == [60]
    deadline = Deadline(60, silence=1.0)
    assert await deadline.arun(lambda: wait(1.5, deadline)) == "whole"

    async def times_out() -> None:
        raise TimeoutError("its own")

    with pytest.raises(TimeoutError, match="its own"):
        await Deadline(30).arun(times_out)


def test_a_clock_that_is_set_back_is_not_followed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, wall = Clock(), time.time
    before = clock()
    assert before == pytest.approx(wall(), abs=5)
    monkeypatch.setattr(time, "time", lambda: wall() - 3_600)
    assert before <= clock() < before + 60
    monkeypatch.setattr(time, "time", lambda: wall() + 3_600)
    assert clock() == pytest.approx(before + 3_600, abs=60)
