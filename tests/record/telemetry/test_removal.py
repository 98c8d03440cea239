"""Conversations that are purged or too old leave nothing behind."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from openhands_tiered_router.policy.decision import Decision, Reason
from openhands_tiered_router.policy.outcome import Outcome
from openhands_tiered_router.record.telemetry.opening import TelemetryReadError
from openhands_tiered_router.record.telemetry.query import TelemetryFile
from openhands_tiered_router.record.telemetry.records import (
    GuardEvent,
    Record,
    ToolResult,
    Verdict,
    routed,
)
from openhands_tiered_router.record.telemetry.removal import DAY, Retention, purge
from openhands_tiered_router.record.telemetry.store import Store
from openhands_tiered_router.record.telemetry.writer import Writer
from openhands_tiered_router.tiers import Tier


NOW = 1_000 * DAY


def conversation(name: str | None, time: float = NOW, turns: int = 3) -> list[Record]:
    """Turns whose every name and text holds the conversation's name."""
    records: list[Record] = []
    for n in range(turns):
        decision = Decision(
            tier=Tier.SIMPLE,
            endpoint="simple",
            required=Tier.SIMPLE,
            reasons=(Reason("rule", f"{name} is why {n}"),),
        )
        outcome = Outcome(endpoint="simple", attempts=(), response_id=f"{name}-r{n}")
        call = routed(
            decision,
            outcome,
            decision_id=f"{name}-{n}",
            conversation_id=name,
            turn=n,
            time=time + n,
        )
        tool = ToolResult(
            conversation_id=name,
            response_id=f"{name}-r{n}",
            tool_call_id=f"{name}-c{n}",
            tool_name=f"{name}-tool",
            time=time + n,
        )
        records += [call, tool]
    if name is not None:
        event = GuardEvent(
            conversation_id=name, time=time, guard="loop", kind=name, detail={"n": name}
        )
        verdict = Verdict(
            conversation_id=name, time=time, judge=name, accepted=True, reason=name
        )
        records += [event, verdict]
    return records


def names(path: Path) -> set[str | None]:
    return {c.conversation_id for c in TelemetryFile(path).calls()}


def on_disk(path: Path) -> bytes:
    return b"".join(p.read_bytes() for p in path.parent.glob(f"{path.name}*"))


def test_a_purged_conversation_leaves_no_byte(path: Path) -> None:
    with closing(Writer(path)) as writer:
        # Open the whole time, as a server's: its log is not tidied up by closing it.
        for record in conversation("stays"):
            writer.put(record)
        for record in conversation("goneaway", turns=200):
            writer.put(record)
        assert writer.flush(60)
        assert on_disk(path).count(b"goneaway") > 200
        assert path.with_name(f"{path.name}-wal").stat().st_size > 0

        assert purge(path, "goneaway") == 200
        assert b"goneaway" not in on_disk(path)
        assert b"stays" in on_disk(path)
        assert names(path) == {"stays"}
        (_, second, _) = TelemetryFile(path).turns("stays")
        assert second.decision.reasons == (Reason("rule", "stays is why 1"),)
        kept = TelemetryFile(path).tools("stays")
        assert {t.tool_name for t in kept} == {"stays-tool"}

        writer.put(conversation("later")[0])
        assert writer.flush(60)
        assert names(path) == {"stays", "later"}


def test_purging_what_is_not_there_changes_nothing(path: Path) -> None:
    assert purge(path, "nobody") is None
    assert not path.parent.exists()
    store = Store(path)
    store.write(conversation("stays"))
    store.close()
    assert purge(path, "nobody") is None
    assert names(path) == {"stays"}


def test_a_file_in_use_is_an_error_that_says_what_to_do(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "openhands_tiered_router.record.telemetry.removal._BUSY_SECONDS", 0.01
    )
    store = Store(path)
    store.write(conversation("c"))
    store.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(TelemetryReadError, match="end the processes"):
            purge(path, "c")
        other.execute("ROLLBACK")
    assert names(path) == {"c"}


def trimmed(path: Path, keep: Retention) -> int:
    """Trims until nothing is beyond the limits; in how many steps."""
    store, steps = Store(path), 0
    while store.trim(keep, NOW):
        steps += 1
    store.close()
    return steps


def test_conversations_without_a_record_for_long_are_removed(path: Path) -> None:
    store = Store(path)
    for n in range(60):
        store.write(conversation(f"old{n}", NOW - 40 * DAY))
    store.write(conversation("begun", NOW - 31 * DAY) + conversation("begun"))
    store.write(conversation(None, NOW - 31 * DAY))
    store.close()
    assert trimmed(path, Retention(days=30)) == 3
    assert names(path) == {"begun"}
    with closing(sqlite3.connect(path)) as connection:
        for table in ("decisions", "explanations", "tool_results"):
            sql = f"SELECT count(*) FROM {table}"
            assert connection.execute(sql).fetchone() == (3,), table


def test_above_the_size_the_oldest_go_and_the_file_shrinks(path: Path) -> None:
    store = Store(path)
    for n in range(200):
        store.write(conversation(f"c{n:03}", NOW + n, turns=40))
    store.close()
    before = path.stat().st_size
    assert before > 1_500_000
    assert trimmed(path, Retention(megabytes=1)) > 1
    assert path.stat().st_size < 1_050_000
    kept = sorted(str(n) for n in names(path))
    assert kept == [f"c{n:03}" for n in range(200 - len(kept), 200)]
    assert len(kept) > 25


def test_no_limit_removes_nothing(path: Path) -> None:
    store = Store(path)
    store.write(conversation("old", 0.0))
    store.close()
    assert trimmed(path, Retention()) == 0
    assert names(path) == {"old"}


def test_the_writer_trims_by_itself(path: Path) -> None:
    store = Store(path)
    for n in range(60):
        store.write(conversation(f"old{n}", 0.0))
    store.close()
    with closing(Writer(path, keep=Retention(days=30))) as writer:
        for n in range(9):
            for record in conversation("new", 1e10 + n):
                writer.put(record)
            assert writer.flush(60)
        assert names(path) == {"new"}
