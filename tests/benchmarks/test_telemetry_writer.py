"""What recording costs: the caller of ``put``, the disk, and the file's size.

    uv run pytest -n 0 tests/benchmarks/test_telemetry_writer.py -s

Prints the machine and its load, for latencies of single calls depend on both.
"""

from __future__ import annotations

import os
import platform
import sqlite3
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

import openhands_tiered_router
from openhands_tiered_router.calls.flow import new_decision_id
from openhands_tiered_router.policy.decision import (
    Candidate,
    Decision,
    Dimension,
    Reason,
)
from openhands_tiered_router.policy.outcome import Attempt, Outcome, Usage
from openhands_tiered_router.record.telemetry.query import TelemetryFile
from openhands_tiered_router.record.telemetry.recorder import TelemetryRecorder
from openhands_tiered_router.record.telemetry.records import (
    ToolResult,
    ToolStatus,
    routed,
)
from openhands_tiered_router.record.telemetry.texts import RawTexts
from openhands_tiered_router.record.telemetry.writer import Writer
from openhands_tiered_router.redaction import redacted
from openhands_tiered_router.tiers import Tier


SAMPLES = 5_000
PACE_SECONDS = 0.0004
"""Between puts: 2,500 a second, a thousand times what busy agents make."""

STALL_SECONDS = 2.0
TURNS = 10_000
DIMENSIONS = 15


def decision(n: int) -> Decision:
    """As full as a decision gets: four tiers, five rules, fifteen dimensions."""
    return Decision(
        tier=Tier(n % 4),
        endpoint=str(Tier(n % 4)),
        fallbacks=("complex", "reasoning"),
        required=Tier.SIMPLE,
        score=0.4321 + n / 1e6,
        p_mechanical=1 / (n + 2),
        candidates=tuple(
            Candidate(
                endpoint=str(tier),
                tier=tier,
                cost_now=0.0123 * (tier + 1) + n / 1e7,
                cost_return=0.0045 * (tier + 1) + n / 1e7,
                warm_tokens=20_000 + n,
            )
            for tier in Tier
        ),
        reasons=tuple(
            Reason(f"rule_{i}", f"after search {n} comes a mechanical turn")
            for i in range(5)
        ),
        dimensions=tuple(
            Dimension(f"dimension_{i}", i / 17, 1 / 15, f"{i} files, {i + 2} symbols")
            for i in range(DIMENSIONS)
        ),
    )


def record_turn(recorder: TelemetryRecorder, n: int) -> None:
    """A call, and one tool call with its result: three records."""
    name, conversation = new_decision_id(), f"{n // 80:032x}"
    outcome = Outcome(
        endpoint="complex",
        attempts=(Attempt(endpoint="complex", error=None, seconds=4.2),),
        usage=Usage(prompt=30_000, completion=300, cache_read=29_000, cache_write=900),
        cost=0.0171234 + n / 1e7,
        seconds=4.2,
        response_id=f"chatcmpl-{n:032x}",
    )
    recorder.record(
        routed(
            decision(n),
            outcome,
            decision_id=name,
            conversation_id=conversation,
            time=1.7e9 + n,
            turn=n % 80,
            overhead_us=321.5,
        )
    )
    for status in (ToolStatus.PENDING, ToolStatus.DONE):
        recorder.record(
            ToolResult(
                conversation_id=conversation,
                response_id=outcome.response_id,
                tool_call_id=f"call_{n:024x}",
                tool_name="terminal",
                time=1.7e9 + n,
                status=status,
                action_kind="search",
                exit_code=0,
                is_error=False,
                failed=False,
                seconds=0.123,
            )
        )


def latencies(recorder: TelemetryRecorder) -> list[float]:
    """Microseconds of each of ``SAMPLES`` calls, put at a steady pace."""
    subject, found = decision(1), []
    for n in range(SAMPLES):
        time.sleep(PACE_SECONDS)
        start = time.perf_counter_ns()
        recorder.record(
            routed(
                subject,
                Outcome(endpoint="simple", attempts=()),
                decision_id=f"d{n}",
                conversation_id="c",
                time=1.7e9 + n,
            )
        )
        found.append((time.perf_counter_ns() - start) / 1_000)
    return found


@contextmanager
def stalled(path: Path) -> Iterator[None]:
    """Holds the file's lock for a while: the writer stands where a dead disk would."""

    def hold() -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            time.sleep(STALL_SECONDS)

    thread = threading.Thread(target=hold)
    thread.start()
    yield
    thread.join()


def machine() -> str:
    load = ", ".join(f"{x:.1f}" for x in os.getloadavg())
    return (
        f"{platform.machine()}, {os.cpu_count()} CPUs, load {load}; "
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    )


def tell(name: str, micros: list[float]) -> float:
    """Prints the distribution; gives its 99th percentile."""
    cuts = statistics.quantiles(micros, n=1_000)
    p50, p99, p999 = cuts[499], cuts[989], cuts[998]
    print(
        f"{name}: n={len(micros)} p50={p50:.1f} us p99={p99:.1f} us "
        f"p99.9={p999:.1f} us max={max(micros):.0f} us"
    )
    return p99


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Writer]:
    writer = Writer(tmp_path / "telemetry.sqlite3", queue_size=100_000)
    print(f"\n{machine()}")
    yield writer
    writer.close(30)


def test_a_put_takes_microseconds(writer: Writer) -> None:
    assert tell("put", latencies(TelemetryRecorder(writer))) < 1_000
    assert writer.flush(60)


def test_a_put_takes_microseconds_while_the_disk_is_stalled(writer: Writer) -> None:
    recorder = TelemetryRecorder(writer)
    record_turn(recorder, 0)
    assert writer.flush(60)
    with stalled(writer.path):
        found = latencies(recorder)
    assert tell(f"put, disk stalled for {STALL_SECONDS} s", found) < 1_000
    assert writer.flush(60)
    assert writer.stats().dropped == 0


@pytest.mark.timeout(600)
def test_a_put_takes_microseconds_while_texts_are_redacted(writer: Writer) -> None:
    recorder, done = TelemetryRecorder(writer), threading.Event()
    text = code()[:8_000]
    raw = RawTexts(
        decision_id="d", request=text, answer=None, most=8_000, secrets=lambda: ["x y"]
    )

    def speak() -> None:
        while not done.wait(0.2):
            recorder.record_texts(raw)

    speaking = threading.Thread(target=speak)
    speaking.start()
    found = latencies(recorder)
    done.set()
    speaking.join()
    assert tell("put, 5 texts of 8,000 characters a second", found) < 1_000
    assert writer.flush(60)


def test_time_that_redaction_takes() -> None:
    text, start = code(), time.process_time()
    redacted(text)
    seconds = time.process_time() - start
    print(f"\n{machine()}")
    print(f"redaction: {seconds / len(text) * 1e6:.2f} ms per 1,000 characters of code")


def code() -> str:
    """This package's own."""
    package = Path(openhands_tiered_router.__file__).parent
    return "".join(file.read_text("utf-8") for file in sorted(package.rglob("*.py")))


@pytest.mark.timeout(600)
def test_records_per_second_and_bytes_per_turn(writer: Writer) -> None:
    recorder = TelemetryRecorder(writer)
    start = time.perf_counter()
    for n in range(TURNS):
        record_turn(recorder, n)
    assert writer.flush(300)
    seconds = time.perf_counter() - start
    writer.close(30)
    print(f"write: {3 * TURNS / seconds:,.0f} records/s ({seconds:.1f} s)")
    print(f"size: {writer.path.stat().st_size / TURNS:,.0f} bytes/turn")
    with closing(sqlite3.connect(writer.path, isolation_level=None)) as connection:
        connection.execute("DELETE FROM explanations")
        connection.execute("VACUUM")
    narrow = writer.path.stat().st_size / TURNS
    print(f"size without explanations: {narrow:,.0f} bytes/turn")
    assert TelemetryFile(writer.path).extent()["decisions"] == TURNS
    tell_time("turns", lambda: TelemetryFile(writer.path).turns(f"{0:032x}"))


def tell_time(name: str, call: Callable[[], object]) -> None:
    runs = []
    for _ in range(9):
        start = time.perf_counter()
        call()
        runs.append(1_000 * (time.perf_counter() - start))
    print(f"{name}: median of 9 {statistics.median(runs):.1f} ms, max {max(runs):.1f}")
