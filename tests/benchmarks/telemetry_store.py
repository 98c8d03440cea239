"""What a large telemetry file costs: writing, retention, purging, and who waits for it.

    uv run python tests/benchmarks/synthetic.py telemetry.sqlite3 --turns 10000000 --now
    uv run python tests/benchmarks/telemetry_store.py telemetry.sqlite3

It writes to the file and removes from it. While conversations are removed, another
thread records a decision every 50 ms and waits for it to be in the file, as other
processes' writers do.
"""

from __future__ import annotations

import argparse
import os
import platform
import sqlite3
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import batched
from pathlib import Path

import synthetic

from openhands_tiered_router.calls.flow import new_decision_id
from openhands_tiered_router.policy.decision import Decision
from openhands_tiered_router.policy.outcome import Outcome
from openhands_tiered_router.record.telemetry.records import routed
from openhands_tiered_router.record.telemetry.removal import Retention, purge
from openhands_tiered_router.record.telemetry.store import Store
from openhands_tiered_router.record.telemetry.writer import Writer
from openhands_tiered_router.tiers import Tier


INSERTED = 15_200
"""Turns to write, two records each."""

ROUNDS = 40
"""Transactions of retention: 25 conversations each."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path)
    path = parser.parse_args().path
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {sys.version[:6]}")
    print(f"{path.stat().st_size / 1e6:.0f} MB; load {os.getloadavg()[0]:.1f}")
    with timed("opening"):
        store = Store(path)
        store.write([])
    insert(store)
    retain(path, store)
    store.close()
    remove(path)


def insert(store: Store) -> None:
    records = synthetic.records(INSERTED, seed=2, since=time.time())
    for batch in batched(list(records), 500):
        began, cpu = time.perf_counter(), time.process_time()
        store.write(batch)
        WALL.append(time.perf_counter() - began)
        CPU.append(time.process_time() - cpu)
    print(
        f"inserting: {INSERTED / sum(WALL):,.0f} turns a second ({sum(CPU):.1f} s "
        f"processor); a transaction of 500 records takes {max(WALL):.2f} s at most"
    )


WALL: list[float] = []
CPU: list[float] = []


def retain(path: Path, store: Store) -> None:
    """As the writer does it, one short transaction after the other."""
    with closing(sqlite3.connect(path)) as connection:
        sql = "SELECT last FROM conversations ORDER BY last LIMIT 1 OFFSET ?"
        (last,) = connection.execute(sql, (25 * ROUNDS,)).fetchone()
    days = int((time.time() - last) // 86_400) + 1
    now = last + days * 86_400
    took: list[float] = []
    with timed("retention"), another_writer(path):
        while True:
            began = time.perf_counter()
            if not store.trim(Retention(days=days), now):
                break
            took.append(time.perf_counter() - began)
    print(
        f"  {25 * ROUNDS} conversations in {len(took)} rounds of {max(took):.2f} s "
        f"at most, {sum(took) / len(took):.2f} s on average"
    )


def remove(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        sql = "SELECT id FROM conversations WHERE id != '' ORDER BY key LIMIT 1"
        (name,) = connection.execute(sql).fetchone()
    with timed("purging a conversation"), another_writer(path):
        purge(path, name)


@contextmanager
def timed(what: str) -> Iterator[None]:
    began, cpu = time.perf_counter(), time.process_time()
    yield
    wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    print(f"{what}: {wall:.1f} s ({cpu:.1f} s processor)", flush=True)


@contextmanager
def another_writer(path: Path) -> Iterator[None]:
    """Records meanwhile, and prints how long that took to be in the file."""
    writer, done, waits = Writer(path), threading.Event(), []

    def run() -> None:
        decision = Decision(tier=Tier.SIMPLE, endpoint="simple", required=Tier.SIMPLE)
        while not done.wait(0.05):
            began = time.perf_counter()
            writer.put(
                routed(
                    decision,
                    Outcome(endpoint="simple", attempts=()),
                    decision_id=new_decision_id(),
                    conversation_id="another",
                    time=time.time(),
                )
            )
            writer.flush(3_600)
            waits.append(time.perf_counter() - began)

    thread = threading.Thread(target=run)
    thread.start()
    yield
    done.set()
    thread.join()
    print(f"  another writer: {len(waits)} records, slowest {max(waits):.1f} s")
    writer.close()


if __name__ == "__main__":
    main()
