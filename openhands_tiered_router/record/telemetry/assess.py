"""Judging what is new in the file, and putting that beside the decisions."""

from __future__ import annotations

import math
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from openhands_tiered_router.record.telemetry.digest import encoded
from openhands_tiered_router.record.telemetry.digesting import Names, Row, digest
from openhands_tiered_router.record.telemetry.digests import read_names, read_rows
from openhands_tiered_router.record.telemetry.files import reading
from openhands_tiered_router.record.telemetry.packing import own_id_text
from openhands_tiered_router.record.telemetry.quality import (
    JudgedTool,
    JudgedTurn,
    Provision,
    Quality,
    Sign,
    assess as judge,
    bits_of,
    signs_of,
)
from openhands_tiered_router.record.telemetry.query import TelemetryFile
from openhands_tiered_router.record.telemetry.records import ToolStatus
from openhands_tiered_router.record.telemetry.rows import (
    NO_CONVERSATION,
    stored_conversation_id,
)
from openhands_tiered_router.tiers import Tier


DEFAULT_SECONDS: Final = 2.0
"""Time that a report spends on judging before it shows what it has."""

_TOGETHER: Final = 20
"""Conversations a transaction: some 30 ms, in which writers wait."""

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
    told: Callable[[int, int], None] | None = None,
) -> Assessed:
    """Judges conversations that changed since, the latest first.

    A file that is missing has none. One that cannot be written now is left as it is:
    what was judged before stays true of what was known then. What it raises, or
    ``told`` does, loses nothing but the conversations that were just being judged.

    Args:
        path: The telemetry file.
        max_seconds: When to stop.
        told: Gets how many are done, and how many there were at the start; while
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
                if told is not None:
                    told(done, whole)
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
    connection = sqlite3.connect(uri, _BUSY_SECONDS, isolation_level=None, uri=True)
    connection.row_factory = sqlite3.Row
    return connection


def _stale(connection: sqlite3.Connection) -> list[int]:
    values = {"nobody": NO_CONVERSATION, "most": _TOGETHER}
    return [key for (key,) in connection.execute(_STALE, values)]


def _assess_some(connection: sqlite3.Connection) -> int:
    """Judges the next few, which nobody can remove meanwhile; how many there were."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        names, keys = read_names(connection), _stale(connection)
        for key in keys:
            _assess_conversation(connection, key, names)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return len(keys)


def _assess_conversation(
    connection: sqlite3.Connection, key: int, names: Names
) -> None:
    rows = list(read_rows(connection, key))
    turns = [n for n, row in enumerate(rows) if row.purpose == names.agent]
    judged = _judged(connection, key, [rows[n] for n in turns], names)
    changed: list[tuple[Any, ...]] = []
    for n, quality in zip(turns, judged, strict=True):
        row, rows[n] = rows[n], _with(rows[n], quality)
        if row != rows[n]:
            changed.append((*rows[n][-4:], row.key))
    connection.executemany(_JUDGED, changed)
    first, last = (rows[0].time, rows[-1].time) if rows else (None, None)
    body = encoded(digest(key, rows, names))
    connection.execute(_DIGEST, (key, first, last, body))
    connection.execute(_DONE, (key,))


def _judged(
    connection: sqlite3.Connection, key: int, rows: Iterable[Row], names: Names
) -> list[Quality]:
    tools: dict[Any, list[JudgedTool]] = {}
    for row in connection.execute(_TOOLS, {"key": key, "invalid": ToolStatus.INVALID}):
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
    accepted = None if verdict is None else bool(verdict["accepted"])
    turns = [_turn(r, tuple(tools.get(r.response, ())), names.levels) for r in rows]
    return judge(turns, accepted)


def _turn(
    row: Row, tools: tuple[JudgedTool, ...], levels: Mapping[int, int]
) -> JudgedTurn:
    return JudgedTurn(
        served=str(row.served_endpoint) if row.answered else None,
        level=row.served_tier,
        must_be_hard=row.p_mechanical == 0,
        floor=row.floor,
        estimate=_total(row.estimated_now, row.estimated_return),
        other_estimate=_total(row.weighed_now, row.weighed_return),
        other_level=None if row.weighed is None else levels.get(row.weighed),
        tools=tools,
    )


def _total(now: int | None, later: int | None) -> float | None:
    return None if now is None else float(now + (later or 0))


def _with(row: Row, quality: Quality) -> Row:
    provision = 0 if quality.provision is None else _CODES[quality.provision]
    judged = (
        None if quality.hard is None else int(quality.hard),
        None if quality.moved is None else int(quality.moved),
        -1 if quality.score is None else quality.score,
        bits_of(quality.signs) << 2 | provision,
    )
    return Row._make(row[: -len(judged)] + judged)


@dataclass(frozen=True, slots=True, kw_only=True)
class Misroute:
    """A turn that got more than it needed, or less."""

    decision_id: str
    conversation_id: str | None
    time: float
    turn: int | None
    tier: Tier | None
    provision: Provision
    quality: int | None
    signs: tuple[Sign, ...]
    cost: float | None
    """USD."""
    hard: bool


def misroutes(
    file: TelemetryFile,
    since: float = 0.0,
    until: float = math.inf,
    *,
    limit: int = 50,
    conversation_id: str | None = None,
) -> list[Misroute]:
    """Turns judged to have got the wrong tier, the worst first.

    Args:
        file: Where from; see ``assess`` for what it knows of new turns.
        since: Seconds since the epoch, included.
        until: Seconds since the epoch, not included.
        limit: How many at most.
        conversation_id: Only this one's.

    Raises:
        TelemetryReadError: It cannot be read.
    """
    values = {"since": since, "until": until, "limit": limit}
    one = ""
    if conversation_id is not None:
        one = "AND c.id = :id"
        values["id"] = stored_conversation_id(conversation_id)
    with file.reading() as connection:
        if connection is None:
            return []
        rows = connection.execute(_MISROUTES.format(one=one), values)
        return [_misroute(r) for r in rows]


def _misroute(row: sqlite3.Row) -> Misroute:
    judged, level = row["judged"], row["served_tier"]
    return Misroute(
        decision_id=own_id_text(row["id"]),
        conversation_id=row["conversation_id"] or None,
        time=row["time"],
        turn=row["turn"],
        tier=None if level is None else Tier(level),
        provision=_PROVISIONS[judged & 3],
        quality=None if row["quality"] == -1 else row["quality"],
        signs=signs_of(judged >> 2),
        cost=row["cost"],
        hard=bool(row["hard"]),
    )


_CODES: Final = {Provision.RIGHT: 1, Provision.OVER: 2, Provision.UNDER: 3}
_PROVISIONS: Final = {code: provision for provision, code in _CODES.items()}

_STALE: Final = """
    SELECT key FROM conversations WHERE stale AND id != :nobody
    ORDER BY last DESC LIMIT :most
"""

_LEFT: Final = "SELECT count(*) FROM conversations WHERE stale AND id != :nobody"

_DONE: Final = "UPDATE conversations SET stale = 0 WHERE key = ?"

_DIGEST: Final = "INSERT OR REPLACE INTO digests VALUES (?, ?, ?, ?)"

_JUDGED: Final = """
    UPDATE decision_rows SET hard = ?, moved = ?, quality = ?, judged = ? WHERE key = ?
"""

_TOOLS: Final = """
    SELECT t.response, k.name, t.failed,
        t.status = (SELECT key FROM names WHERE name = :invalid), t.target, t.failure
    FROM tool_rows t LEFT JOIN names k ON k.key = t.action_kind
    WHERE t.conversation = :key
"""

_VERDICT: Final = """
    SELECT accepted FROM verdicts
    WHERE conversation = :key AND accepted IS NOT NULL
    ORDER BY time DESC, key DESC LIMIT 1
"""

_MISROUTES: Final = """
    SELECT d.id, c.id AS conversation_id, d.time, d.turn, d.served_tier, d.judged,
        d.quality, d.cost, d.hard
    FROM decision_rows d JOIN conversations c ON c.key = d.conversation
    WHERE d.judged >= 0 AND d.judged & 3 IN (2, 3)
        AND d.time >= :since AND d.time < :until {one}
    ORDER BY d.quality, d.time DESC LIMIT :limit
"""
