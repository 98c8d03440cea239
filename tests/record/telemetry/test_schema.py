"""Files of other versions and other programs are left alone."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from openhands_tiered_router.record.telemetry import schema
from openhands_tiered_router.record.telemetry.opening import version_of
from openhands_tiered_router.record.telemetry.records import Call
from openhands_tiered_router.record.telemetry.writer import Writer


def connect(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    return sqlite3.connect(path, isolation_level=None)


def test_a_file_of_another_version_is_left_alone(
    path: Path, record: Callable[[int], Call], caplog: pytest.LogCaptureFixture
) -> None:
    with closing(connect(path)) as connection:
        schema.create(connection)
        connection.execute("PRAGMA user_version = 6")
    before = path.read_bytes()
    writer = Writer(path)
    writer.put(record(1))
    assert not writer.flush(60)
    writer.put(record(2))
    assert writer.stats().off
    writer.close(30)
    assert path.read_bytes() == before
    (message,) = caplog.messages
    assert str(path) in message
    assert "version 6" in message
    assert "move the file away" in message


def test_another_programs_file_is_left_alone(
    path: Path, record: Callable[[int], Call], caplog: pytest.LogCaptureFixture
) -> None:
    with closing(connect(path)) as connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")
    before = path.read_bytes()
    writer = Writer(path)
    writer.put(record(1))
    assert not writer.flush(60)
    writer.close(30)
    assert path.read_bytes() == before
    assert "another program's" in caplog.text


def test_tables_that_cannot_be_made_leave_an_empty_file(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = ("CREATE TABLE extra (x)", "CREATE NONSENSE")
    monkeypatch.setattr(schema, "statements", lambda: broken)
    with closing(connect(path)) as connection:
        with pytest.raises(sqlite3.OperationalError):
            schema.create(connection)
        tables = connection.execute("SELECT name FROM sqlite_master").fetchall()
        assert tables == []
        assert version_of(connection) == 0


def test_each_question_of_a_report_has_an_index(path: Path) -> None:
    questions = {
        "conversation = 1 AND time > 0": "decisions_by_conversation",
        "time > 0": "decisions_by_time",
    }
    with closing(connect(path)) as connection:
        schema.create(connection)
        for where, index in questions.items():
            sql = f"EXPLAIN QUERY PLAN SELECT sum(cost) FROM decisions WHERE {where}"
            assert index in str(connection.execute(sql).fetchall())
