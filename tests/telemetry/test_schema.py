"""Versions of the file: old ones are brought up, foreign and newer ones left alone."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from openhands_tiered_router.telemetry import TelemetryFile, schema
from openhands_tiered_router.telemetry.records import DecisionRecord, GuardEvent
from openhands_tiered_router.telemetry.writer import Writer


ADD_COLUMN = ("ALTER TABLE decisions ADD COLUMN quality REAL",)


def connect(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(exist_ok=True)
    return sqlite3.connect(path, isolation_level=None)


def test_an_older_file_is_migrated_and_keeps_its_rows(
    path: Path, record: Callable[[int], DecisionRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    old = Writer(path)
    old.put(record(1))
    old.close(30)
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, ADD_COLUMN))
    new = Writer(path)
    new.put(record(2))
    new.close(30)
    connection = connect(path)
    assert schema.version_of(connection) == len(schema.MIGRATIONS)
    rows = connection.execute("SELECT id, quality FROM decisions ORDER BY id")
    assert rows.fetchall() == [("d1", None), ("d2", None)]


def test_a_file_of_the_first_release_is_read_then_gets_the_guards_tables(
    path: Path, record: Callable[[int], DecisionRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as first_release:
        first_release.setattr(schema, "MIGRATIONS", schema.MIGRATIONS[:1])
        old = Writer(path)
        old.put(record(1))
        old.close(30)
    assert [t.decision_id for t in TelemetryFile(path).turns("c")] == ["d1"]
    new = Writer(path)
    new.put(
        GuardEvent(conversation_id="c", time=1.0, guard="loop", kind="seen", detail={})
    )
    new.close(30)
    stored = connect(path).execute("SELECT guard, kind, detail FROM guard_events")
    assert stored.fetchall() == [("loop", "seen", "{}")]
    assert [t.decision_id for t in TelemetryFile(path).turns("c")] == ["d1"]


def test_a_newer_file_is_left_alone(
    path: Path,
    record: Callable[[int], DecisionRecord],
    caplog: pytest.LogCaptureFixture,
) -> None:
    connection = connect(path)
    schema.migrate(connection)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    before = path.read_bytes()
    writer = Writer(path)
    writer.put(record(1))
    assert not writer.flush()
    writer.put(record(2))
    assert writer.stats().off
    writer.close(30)
    assert path.read_bytes() == before
    (message,) = caplog.messages
    assert str(path) in message
    assert "version 99" in message
    assert "upgrade" in message


def test_another_programs_file_is_left_alone(
    path: Path,
    record: Callable[[int], DecisionRecord],
    caplog: pytest.LogCaptureFixture,
) -> None:
    connection = connect(path)
    connection.execute("CREATE TABLE bookmarks (url TEXT)")
    connection.close()
    before = path.read_bytes()
    writer = Writer(path)
    writer.put(record(1))
    assert not writer.flush()
    writer.close(30)
    assert path.read_bytes() == before
    assert "another program's" in caplog.text


def test_a_migration_that_fails_leaves_the_version_before(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = connect(path)
    schema.migrate(connection)
    broken = ("CREATE TABLE extra (x)", "CREATE NONSENSE")
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, broken))
    with pytest.raises(sqlite3.OperationalError):
        schema.migrate(connection)
    tables = connection.execute("SELECT name FROM sqlite_master").fetchall()
    assert ("extra",) not in tables
    assert schema.version_of(connection) == len(schema.MIGRATIONS) - 1


def test_each_question_of_a_report_has_an_index(path: Path) -> None:
    connection = connect(path)
    schema.migrate(connection)
    questions = {
        "conversation = 1 AND time > 0": "decisions_by_conversation",
        "time > 0": "decisions_by_time",
        "tier = 'simple' AND time > 0": "decisions_by_tier",
        "served_endpoint = 'simple' AND time > 0": "decisions_by_endpoint",
    }
    for where, index in questions.items():
        sql = f"EXPLAIN QUERY PLAN SELECT sum(cost) FROM decisions WHERE {where}"
        assert index in str(connection.execute(sql).fetchall())
