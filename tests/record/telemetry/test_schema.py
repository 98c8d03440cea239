"""Versions of the file: old ones are brought up, foreign and newer ones left alone."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from openhands_tiered_router.policy.decision import (
    Candidate,
    Decision,
    Dimension,
    Reason,
)
from openhands_tiered_router.policy.outcome import Attempt, ErrorKind, Outcome, Usage
from openhands_tiered_router.record.telemetry import TelemetryFile, schema
from openhands_tiered_router.record.telemetry.records import DecisionRecord, ToolStatus
from openhands_tiered_router.record.telemetry.writer import Writer
from openhands_tiered_router.tiers import Tier


ADD_COLUMN = ("ALTER TABLE decision_rows ADD COLUMN extra REAL",)


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
    rows = connection.execute("SELECT id, extra FROM decision_rows ORDER BY id")
    assert rows.fetchall() == [("d1", None), ("d2", None)]


def file_of(path: Path, version: int) -> None:
    """As the release with that version of the schema left it."""
    connection = connect(path)
    for statements in schema.MIGRATIONS[:version]:
        for statement in statements:
            connection.execute(statement)
    connection.executescript(V1 + V2 * (version > 1) + V3 * (version > 2))
    connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {version}")
    connection.close()


@pytest.mark.parametrize("version", [1, 2, 3])
def test_nothing_of_an_earlier_release_is_lost(path: Path, version: int) -> None:
    file_of(path, version)
    assert_whole(path, version)


KILLED = """
import os, signal, sys
from pathlib import Path
from openhands_tiered_router.record.telemetry import TelemetryFile, schema

def add_functions(connection, add=schema._add_functions):
    add(connection)
    connection.create_function("die", 0, lambda: os.kill(os.getpid(), signal.SIGKILL))

begun, (*statements, last) = schema.MIGRATIONS[:3], schema.MIGRATIONS[3]
at = len(statements) * int(sys.argv[2]) // 4
statements = [*statements[:at], "SELECT die()", *statements[at:], last]
schema._add_functions = add_functions
schema.MIGRATIONS = (*begun, statements, *schema.MIGRATIONS[4:])
TelemetryFile(Path(sys.argv[1])).turns("c")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="it has no such signal")
@pytest.mark.parametrize("quarter", [1, 2, 3, 4])
def test_nothing_is_lost_when_a_migration_is_killed(path: Path, quarter: int) -> None:
    file_of(path, 3)
    command = [sys.executable, "-c", KILLED, str(path), str(quarter)]
    killed = subprocess.run(command, capture_output=True, timeout=100)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    with closing(connect(path)) as connection:
        assert schema.version_of(connection) == 3
    assert_whole(path, 3)


def assert_whole(path: Path, version: int) -> None:
    file = TelemetryFile(path)
    first, second = file.turns("c")
    assert first.decision_id == "0190163d-8694-739b-aea5-966c26f8ad91"
    assert (first.parent_conversation_id, first.turn, first.time) == ("p", 3, 10.25)
    assert (first.model, first.overhead_us) == ("openai/small", 312)
    assert (first.served_tier, first.served_model) == (Tier.COMPLEX, "openai/large")
    assert first.decision == Decision(
        tier=Tier.SIMPLE,
        endpoint="simple",
        fallbacks=("complex",),
        need=Tier.MEDIUM,
        floor=Tier.SIMPLE,
        cap=Tier.REASONING,
        pinned=True,
        score=0.4321,
        p_mechanical=0.9,
        candidates=(Candidate(endpoint="simple", tier=Tier.SIMPLE, cost_now=0.5),),
        reasons=(Reason("next_turn", "first turn"),),
        dimensions=(Dimension("length", 0.25, 0.5, "5 characters"),),
        propensity=0.75,
        policy="rules",
    )
    assert first.outcome == Outcome(
        endpoint="complex",
        attempts=(
            Attempt(endpoint="simple", error=ErrorKind.TIMEOUT, seconds=1.0),
            Attempt(endpoint="complex", error=None, seconds=2.5),
        ),
        usage=Usage(prompt=100, completion=10, cache_read=80, cache_write=5),
        cost=0.0171234,
        seconds=3.5,
        first_token_seconds=1.25,
        response_id="r",
    )
    (tool,) = first.tools
    assert (tool.tool_call_id, tool.tool_name) == ("call", "terminal")
    assert (tool.status, tool.action_kind) == (ToolStatus.DONE, "test")
    assert (tool.exit_code, tool.is_error, tool.failed) == (2, False, True)
    assert (tool.time, tool.seconds) == (14.0, 0.125)
    assert (second.decision_id, second.decision, second.outcome) == ("d2", None, None)
    assert file.lost() == 5
    connection = connect(path)
    kept = {
        "guard_events": [("loop", "seen", '{"turns":3}')],
        "verdicts": [("human", 1, "accepted")],
        "situations": [(1, '{"pace":[0,0,0]}')],
    }
    columns = {
        "guard_events": "guard, kind, detail",
        "verdicts": "judge, accepted, reason",
        "situations": "decision, situation",
    }
    for table in list(kept)[: (0, 2, 3)[version - 1]]:
        rows = connection.execute(f"SELECT {columns[table]} FROM {table}").fetchall()
        assert rows == kept[table]
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


V1 = """
    INSERT INTO conversations VALUES (1, 'c', 'p');
    INSERT INTO decisions VALUES (
        1, '0190163d-8694-739b-aea5-966c26f8ad91', 1, 3, 'agent', 10.25, 'rules',
        'simple', 'simple', 'openai/small', 'medium', 'simple', 'reasoning', 1, 0.4321,
        0.9, 0.75, 0.5, NULL, 312.4, 1, 'complex', 'complex', 'openai/large', 100, 10,
        80, 5, 0, 0.0171234, 3.5, 1.25,
        '[{"endpoint":"simple","error":"timeout","seconds":1.0},'
        || '{"endpoint":"complex","seconds":2.5}]', NULL, 'r'
    );
    INSERT INTO decisions (key, id, conversation, time) VALUES (2, 'd2', 1, 11);
    INSERT INTO explanations VALUES (
        1, '["complex"]', '[{"endpoint":"simple","tier":"simple","cost_now":0.5}]',
        '[["next_turn","first turn"]]', '[["length",0.25,0.5,"5 characters"]]'
    );
    INSERT INTO tool_results VALUES (
        1, 'r', 'call', 'terminal', 14, 'done', 'test', 2, 0, 1, 0.125, NULL
    );
    INSERT INTO losses VALUES (1, 5);
"""
V2 = """
    INSERT INTO guard_events VALUES (1, 1, 12, 'loop', 'seen', '{"turns":3}');
    INSERT INTO verdicts VALUES (
        1, 1, 20, 'human', 1, 'accepted', NULL, NULL, NULL, NULL, NULL
    );
"""
V3 = "INSERT INTO situations VALUES (1, '{\"pace\":[0,0,0]}');"


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
    assert not writer.flush(60)
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
    assert not writer.flush(60)
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
    }
    for where, index in questions.items():
        sql = f"EXPLAIN QUERY PLAN SELECT sum(cost) FROM decisions WHERE {where}"
        assert index in str(connection.execute(sql).fetchall())
