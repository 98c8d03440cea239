"""Judging what is new in the file, and storing that beside the decisions."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from openhands_tiered_router.record.telemetry.calls import JUDGED
from openhands_tiered_router.record.telemetry.costs import Row, turn_costs
from openhands_tiered_router.record.telemetry.opening import NO_CONVERSATION, reading
from openhands_tiered_router.record.telemetry.quality import (
    JudgedTool,
    JudgedTurn,
    Quality,
    assess as judge,
)
from openhands_tiered_router.record.telemetry.records import (
    AGENT_TURN,
    ToolStatus,
)
from openhands_tiered_router.record.telemetry.sums import summarise
from openhands_tiered_router.record.telemetry.tier_sets import decode_tier_set
from openhands_tiered_router.tiers import Tier


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
    turns = [dict(row) for row in cursor.execute(_TURNS, values)]
    sets = {t["tier_set"]: t["endpoints"] for t in turns}
    tiers = {k: decode_tier_set(e) if e else None for k, e in sets.items()}
    qualities = _qualities(connection, conversation, turns)
    costs = turn_costs(turns, tiers)
    return [
        {"key": t["key"], **_fields(q), **c}
        for t, q, c in zip(turns, qualities, costs, strict=True)
    ]


def _fields(quality: Quality) -> dict[str, Any]:
    return {
        "hard": quality.hard,
        "moved": quality.moved,
        "quality": quality.score,
        "provision": quality.provision,
        "signs": " ".join(quality.signs),
    }


def _qualities(
    connection: sqlite3.Connection, key: int, turns: Iterable[Row]
) -> list[Quality]:
    tools: dict[Any, list[JudgedTool]] = {}
    values = {"key": key, "invalid": ToolStatus.INVALID}
    for row in connection.execute(_TOOLS, values):
        response, kind, failed, invalid, target, failure = row
        tool = JudgedTool(
            kind=kind,
            failed=None if failed is None else bool(failed),
            invalid=bool(invalid),
            target=target,
            failure=failure,
        )
        tools.setdefault(response, []).append(tool)
    verdict = connection.execute(_VERDICT, {"key": key}).fetchone()
    accepted = None if verdict is None else bool(verdict[0])
    return judge([_turn(t, tools.get(t["response"], ())) for t in turns], accepted)


def _turn(row: Row, tools: Sequence[JudgedTool]) -> JudgedTurn:
    return JudgedTurn(
        served=row["served_endpoint"] if row["answered"] else None,
        level=_level(row["served_tier"]),
        must_be_hard=row["p_mechanical"] == 0,
        floor=_level(row["floor"]),
        estimate=_total(row["estimated_now"], row["estimated_return"]),
        other_estimate=_total(row["weighed_now"], row["weighed_return"]),
        other_level=_level(row["weighed_tier"]),
        tools=tuple(tools),
    )


_LEVELS: Final = {str(tier): int(tier) for tier in Tier}


def _level(tier: str | None) -> int | None:
    return None if tier is None else _LEVELS.get(tier)


def _total(now: float | None, later: float | None) -> float | None:
    return None if now is None else now + (later or 0.0)


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
    SELECT d.key, d.time, d.tier_set, s.endpoints, d.floor, d.p_mechanical,
        d.estimated_now, d.estimated_return, d.weighed_tier, d.weighed_now,
        d.weighed_return, d.answered, d.served_tier, d.served_endpoint,
        d.prompt_tokens, d.completion_tokens, d.cache_read_tokens,
        d.response
    FROM decisions d LEFT JOIN tier_sets s ON s.key = d.tier_set
    WHERE d.conversation = :key AND d.purpose = :purpose AND d.time IS NOT NULL
    ORDER BY d.time, d.key
"""

_TOOLS: Final = """
    SELECT response, action_kind, failed, status = :invalid, target, failure
    FROM tool_results WHERE conversation = :key
"""

_VERDICT: Final = """
    SELECT accepted FROM verdicts
    WHERE conversation = :key AND accepted IS NOT NULL
    ORDER BY time DESC, key DESC LIMIT 1
"""
