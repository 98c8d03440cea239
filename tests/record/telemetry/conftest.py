"""A file and a writer for each test, and records to write."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from openhands_tiered_router.policy.decision import Decision
from openhands_tiered_router.policy.outcome import Outcome
from openhands_tiered_router.record.telemetry.records import Call, routed
from openhands_tiered_router.record.telemetry.writer import Writer
from openhands_tiered_router.tiers import Tier


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "telemetry.sqlite3"


@pytest.fixture
def writer(path: Path) -> Iterator[Writer]:
    writer = Writer(path)
    yield writer
    writer.close(30)


@pytest.fixture
def record() -> Callable[[int], Call]:
    """Makes the n-th of many calls of one conversation."""

    def make(n: int) -> Call:
        return routed(
            Decision(tier=Tier.SIMPLE, endpoint="simple", required=Tier.SIMPLE),
            Outcome(endpoint="simple", attempts=()),
            decision_id=f"d{n}",
            conversation_id="c",
            turn=n,
            time=1_000.0 + n,
        )

    return make


@pytest.fixture
def ids(path: Path) -> Callable[[], list[str]]:
    """Reads the ids of the decisions in the file, past our own reading code."""

    def read() -> list[str]:
        with closing(sqlite3.connect(path)) as connection:
            rows = connection.execute("SELECT id FROM decisions ORDER BY time")
            return [i for (i,) in rows]

    return read
