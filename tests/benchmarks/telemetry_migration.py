"""How long a file of an earlier release takes to become one of this, and who waits.

    uv run python tests/benchmarks/synthetic.py telemetry.sqlite3 --turns 1000000
    uv run python tests/benchmarks/telemetry_migration.py telemetry.sqlite3

The turns of that file are copied into one of version 3 beside it, which is migrated by
a writer's first record, as in a conversation.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path

from openhands_tiered_router.calls.ids import new_decision_id
from openhands_tiered_router.policy.decision import Decision
from openhands_tiered_router.record.telemetry import packing, schema
from openhands_tiered_router.record.telemetry.records import DecisionRecord
from openhands_tiered_router.record.telemetry.writer import Writer
from openhands_tiered_router.tiers import Tier


OLD = 3
"""The last version that had names in each row."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path)
    path = parser.parse_args().path
    old = path.with_name(f"{path.name}.version{OLD}")
    old.unlink(missing_ok=True)
    turns = make(old, path)
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {sys.version[:6]}")
    print(f"{turns:,} turns, {old.stat().st_size / 1e6:.0f} MB", end="")
    print(f"; load {os.getloadavg()[0]:.1f}")
    writer = Writer(old)
    began, cpu, puts = time.perf_counter(), time.process_time(), []
    done = False
    while not done:
        before = time.perf_counter()
        writer.put(record())
        puts.append(time.perf_counter() - before)
        done = writer.flush(0.5)
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    stats = writer.stats()
    writer.close()
    print(f"migrated in {seconds:.1f} s ({cpu:.1f} s processor)")
    print(f"{old.stat().st_size / 1e6:.0f} MB afterwards")
    print(
        f"meanwhile {len(puts)} calls recorded, each held up {1e3 * max(puts):.2f} ms "
        f"at most; {stats.written} written, {stats.dropped + stats.rejected} lost"
    )
    with closing(sqlite3.connect(old)) as connection:
        sql = "SELECT count(*) FROM decision_rows"
        (found,) = connection.execute(sql).fetchone()
        assert found == turns + len(puts), (found, turns, len(puts))


def record() -> DecisionRecord:
    decision = Decision(tier=Tier.SIMPLE, endpoint="simple", need=Tier.SIMPLE)
    return DecisionRecord(
        decision_id=new_decision_id(),
        conversation_id="another",
        time=time.time(),
        decision=decision,
    )


def make(old: Path, path: Path) -> int:
    """A file as the release with that version would have written the turns."""
    with closing(sqlite3.connect(old, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        for statements in schema.MIGRATIONS[:OLD]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {OLD}")
        connection.execute("ATTACH ? AS new", (str(path),))
        connection.create_function("part", 3, part, deterministic=True)
        connection.execute("BEGIN")
        for statement in _COPY:
            connection.execute(statement)
        connection.execute("COMMIT")
        sql = "SELECT count(*) FROM decisions"
        return connection.execute(sql).fetchone()[0]


def part(body: bytes, like: bytes | None, number: int) -> str:
    """One of the four lists of an explanation."""
    return json.dumps(json.loads(packing.unpacked(body, like))[number])


_SAME = (
    "key, id, conversation, turn, purpose, time, policy, tier, endpoint, model, need, "
    "floor, cap, pinned, score, p_mechanical, propensity, estimated_now, "
    "estimated_return, overhead_us, answered, served_tier, served_endpoint, "
    "served_model, prompt_tokens, completion_tokens, cache_read_tokens, "
    "cache_write_tokens, reasoning_tokens, cost, seconds, first_token_seconds, "
    "attempts, error_kind"
)

_COPY = (
    "INSERT INTO conversations SELECT key, id, parent_id FROM new.conversations",
    f"INSERT INTO decisions SELECT {_SAME}, response FROM new.decisions",
    """
    INSERT INTO explanations
    SELECT e.decision, part(e.body, t.body, 0), part(e.body, t.body, 1),
        part(e.body, t.body, 2), part(e.body, t.body, 3)
    FROM new.explanation_rows e LEFT JOIN new.tasks t ON t.key = e.task
    """,
    """
    INSERT INTO tool_results
    SELECT conversation, response, call, tool_name, time, status, action_kind,
        exit_code, is_error, failed, seconds, NULL FROM new.tool_results
    """,
)


if __name__ == "__main__":
    main()
