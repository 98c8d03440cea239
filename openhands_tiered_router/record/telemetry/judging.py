"""Judging what is new in the file, and storing that beside the decisions."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from openhands_tiered_router.record.telemetry.costs import (
    Row,
    decode_tier_set,
    turn_costs,
)
from openhands_tiered_router.record.telemetry.opening import NO_CONVERSATION, reading
from openhands_tiered_router.record.telemetry.quality import assess as judge
from openhands_tiered_router.record.telemetry.records import (
    AGENT_TURN,
    JUDGED,
    Call,
    ToolResult,
)
from openhands_tiered_router.record.telemetry.sums import summarise


DEFAULT_SECONDS: Final = 2.0
"""Time that a report spends on judging before it shows what it has."""

_TOGETHER: Final = 20
"""Conversations a transaction: some 50 ms, in which writers wait."""

_BUSY_SECONDS: Final = 0.5


@dataclass(frozen=True, slots=True)
class Assessed:
    """How far judging got."""

    done: int
    """Conversations judged now."""
    left: int
    """Conversations that changed since they were last judged."""


def assess(
    path: Path,
    max_seconds: float = DEFAULT_SECONDS,
    progress: Callable[[int, int], None] | None = None,
) -> Assessed:
    """Judges conversations that changed since, the latest first.

    A file that is missing has none. One that cannot be written now is left as it is:
    what was judged before stays true of what was known then. What it raises, or
    ``progress`` does, loses nothing but the conversations that were just being judged.

    Args:
        path: The telemetry file.
        max_seconds: When to stop.
        progress: Gets how many are done, and how many there were at the start; while
            others record, more may become.

    Raises:
        TelemetryReadError: It cannot be read.
    """
    deadline, done = time.monotonic() + max_seconds, 0
    with reading(path) as connection:
        whole = 0 if connection is None else unjudged(connection)
    if not whole:
        return Assessed(0, 0)
    try:
        with closing(_writable(path)) as connection:
            while time.monotonic() < deadline and done < whole:
                if not (judged := _assess_some(connection)):
                    break
                done += judged
                if progress is not None:
                    progress(done, whole)
    except sqlite3.OperationalError:
        pass
    with reading(path) as connection:
        return Assessed(done, 0 if connection is None else unjudged(connection))


def unjudged(connection: sqlite3.Connection) -> int:
    """How many conversations changed since they were judged."""
    (left,) = connection.execute(_LEFT, {"nobody": NO_CONVERSATION}).fetchone()
    return left


def _writable(path: Path) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?mode=rw"
    return sqlite3.connect(uri, _BUSY_SECONDS, isolation_level=None, uri=True)


def _assess_some(connection: sqlite3.Connection) -> int:
    """Judges the next few, which nobody can remove meanwhile; how many there were."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        values = {"nobody": NO_CONVERSATION, "most": _TOGETHER}
        keys = [key for (key,) in connection.execute(_STALE, values)]
        for key in keys:
            turns = judged_turns(connection, key)
            connection.executemany(_UPDATE, turns)
            summarise(connection, key)
            connection.execute(_DONE, (key,))
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return len(keys)


def judged_turns(connection: sqlite3.Connection, conversation: int) -> list[Row]:
    """What is found out about the agent's turns of a conversation: ``JUDGED`` and the
    row's key, in order of time. Changes nothing."""
    cursor = connection.cursor()
    cursor.row_factory = sqlite3.Row
    values = {"key": conversation, "purpose": AGENT_TURN}
    rows = [dict(row) for row in cursor.execute(_TURNS, values)]
    sets = connection.execute(_TIER_SETS, values)
    tiers = {None: None} | {key: decode_tier_set(text) for key, text in sets}
    tools = _tools(connection, conversation)
    turns = [Call(**row, tools=tuple(tools.get(row["response"], ()))) for row in rows]
    found = zip(rows, judge(turns), turn_costs(rows, tiers), strict=True)
    return [
        {"key": row["key"], **q._asdict(), "signs": " ".join(q.signs), **costs}
        for row, q, costs in found
    ]


def _tools(connection: sqlite3.Connection, key: int) -> dict[str, list[ToolResult]]:
    """By the answer that asked for them."""
    cursor = connection.cursor()
    cursor.row_factory = sqlite3.Row
    found: dict[str, list[ToolResult]] = {}
    for row in cursor.execute(_TOOLS, {"key": key}):
        tool = ToolResult(conversation_id=None, **row)
        found.setdefault(row["response_id"], []).append(tool)
    return found


_STALE: Final = """
    SELECT key FROM conversations WHERE stale AND id != :nobody
    ORDER BY last DESC LIMIT :most
"""

_LEFT: Final = "SELECT count(*) FROM conversations WHERE stale AND id != :nobody"

_DONE: Final = "UPDATE conversations SET stale = 0 WHERE key = ?"

_UPDATE: Final = f"""
    UPDATE decisions SET {", ".join(f"{c} = :{c}" for c in JUDGED)} WHERE key = :key
"""

_TURNS: Final = """
    SELECT id, key, time, tier, endpoint, tier_set, floor, p_mechanical, estimated_now,
        estimated_return, weighed_tier, weighed_now, weighed_return, answered,
        served_tier, served_endpoint, prompt_tokens, completion_tokens,
        cache_read_tokens, response
    FROM decisions
    WHERE conversation = :key AND purpose = :purpose
    ORDER BY time, key
"""

_TIER_SETS: Final = """
    SELECT key, endpoints FROM tier_sets
    WHERE key IN (SELECT tier_set FROM decisions WHERE conversation = :key)
"""

_TOOLS: Final = """
    SELECT response AS response_id, call AS tool_call_id, tool_name, time, status,
        action_kind, failed, target, failure
    FROM tool_results WHERE conversation = :key
"""
