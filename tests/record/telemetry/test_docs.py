"""docs/telemetry.md says what is true of the schema."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from openhands_tiered_router.record.telemetry import schema
from openhands_tiered_router.record.telemetry.sums import SUMS


PAGE = Path(__file__).parents[3].joinpath("docs", "telemetry.md").read_text()


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    schema.create(connection)
    connection.execute("INSERT INTO conversations (key, id) VALUES (1, '...')")
    connection.execute(
        "INSERT INTO decisions (key, id, conversation, turn, time, tier, cost,"
        " answered, response, estimated_now, weighed, weighed_now) VALUES (1, 'd', 1,"
        " 4, unixepoch(), 'simple', 0.5, 1, 'r', 0.25, 'complex', 0.75)"
    )
    connection.executemany(
        "INSERT INTO tool_results (conversation, response, call, tool_name, time,"
        " status, failed) VALUES (1, 'r', ?, 'terminal', 1, 'done', ?)",
        [("a", 1), ("b", 0)],
    )
    yield connection
    connection.close()


def queries() -> list[str]:
    found, query = [], ""
    for line in "\n".join(re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)).split("\n"):
        query += line + "\n"
        if sqlite3.complete_statement(query):
            found.append(query)
            query = ""
    return found


def test_the_example_queries_answer(connection: sqlite3.Connection) -> None:
    answers = [connection.execute(q).fetchall() for q in queries()]
    assert answers == [
        [("simple", 1, 0.5)],
        [("simple", 0.5, 0)],
        [(4, "simple", 0.25, "complex", 0.75)],
    ]


def test_every_column_is_described(connection: sqlite3.Connection) -> None:
    sql = "SELECT name FROM sqlite_master WHERE type IN ('table', 'view')"
    tables = connection.execute(sql)
    for (table,) in tables.fetchall():
        assert f"`{table}`" in PAGE
        for _, column, *_ in connection.execute(f"PRAGMA table_info({table})"):
            if table == "summaries" and column in SUMS:
                continue
            assert f"`{column}`" in PAGE, f"{table}.{column}"
