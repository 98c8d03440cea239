"""Questions to the telemetry file."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final

import msgspec

from openhands_tiered_router.policy.outcome import Attempt
from openhands_tiered_router.record.telemetry.costs import decode_tier_set
from openhands_tiered_router.record.telemetry.opening import (
    TelemetryReadError,
    reading,
)
from openhands_tiered_router.record.telemetry.records import (
    AGENT_TURN,
    Call,
    Explanation,
    GuardEvent,
    ToolResult,
    Verdict,
)
from openhands_tiered_router.record.telemetry.statements import stored_id
from openhands_tiered_router.tiers import TierSet


__all__ = ["TelemetryFile", "TelemetryReadError"]


class TelemetryFile:
    """Answers questions from one file; a file that is missing has no rows.

    Each method opens the file read-only, asks, and closes it again, so that nothing
    here keeps a writer from tidying up. All raise ``TelemetryReadError``.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def reading(self) -> AbstractContextManager[sqlite3.Connection | None]:
        """A connection for questions of your own; see ``opening.reading``."""
        return reading(self.path)

    def calls(
        self,
        since: float = 0.0,
        conversation_id: str | None = None,
    ) -> Iterator[Call]:
        """Calls without their explanations, in order of time; the file stays open while
        they are iterated.

        Args:
            since: Seconds since the epoch, included.
            conversation_id: Only this one's; ``None``: all.
        """
        where, values = "d.time >= :since", {"since": since}
        if conversation_id is not None:
            where += " AND c.id = :id"
            values |= {"id": stored_id(conversation_id)}
        return self._calls(_CALLS, where, values)

    def turns(self, conversation_id: str | None) -> list[Call]:
        """A conversation's calls with explanations and tools, in order of time."""
        values = {"id": stored_id(conversation_id)}
        calls = list(self._calls(_EXPLAINED, "c.id = :id", values))
        by_response: dict[str | None, list[ToolResult]] = {}
        for tool in self.tools(conversation_id):
            by_response.setdefault(tool.response_id, []).append(tool)
        for call in calls:
            call.tools = tuple(by_response.get(call.response, ()))
        return calls

    def decision(self, decision_id: str) -> Call | None:
        """The call of that id, explained; ``None``: there is none."""
        values = {"id": stored_id(decision_id)}
        return next(self._calls(_EXPLAINED, "d.id = :id", values), None)

    def newest(self, count: int, since: float = 0.0) -> list[Call]:
        """The agents' latest turns, explained, oldest first.

        Args:
            count: How many at most.
            since: Seconds since the epoch.
        """
        where = """d.key IN (
            SELECT key FROM decisions WHERE time >= :since AND purpose = :purpose
            ORDER BY time DESC LIMIT :count
        )"""
        values = {"count": count, "since": since, "purpose": AGENT_TURN}
        return list(self._calls(_EXPLAINED, where, values))

    def tools(self, conversation_id: str | None) -> list[ToolResult]:
        """The tool calls of a conversation, in order of time."""
        sql = """
            SELECT t.*, t.response AS response_id, t.call AS tool_call_id,
                nullif(c.id, '') AS conversation_id
            FROM tool_results t JOIN conversations c ON c.key = t.conversation
            WHERE c.id = :id ORDER BY t.time, t.call
        """
        return self._records(ToolResult, sql, {"id": stored_id(conversation_id)})

    def texts(self, decision_id: str) -> dict[str, str]:
        """What was said in a decision's call, as far as it is recorded: ``request``
        and ``answer``."""
        sql = """
            SELECT request, answer FROM texts
            WHERE decision = (SELECT key FROM decisions WHERE id = :id)
        """
        found = self._rows(sql, {"id": stored_id(decision_id)}, dict)
        return {k: said for row in found for k, said in row.items() if said}

    def events(self, since: float, until: float) -> list[GuardEvent]:
        """What guards did from the one time to before the other, epoch seconds, in
        order of time."""
        sql = "SELECT e.*, nullif(c.id, '') AS conversation_id FROM guard_events e"
        values = {"since": since, "until": until}
        return self._records(GuardEvent, f"{sql} {_BETWEEN}", values)

    def verdicts(self, since: float, until: float) -> list[Verdict]:
        """What judges said; the arguments are those of ``events``."""
        sql = "SELECT e.*, nullif(c.id, '') AS conversation_id FROM verdicts e"
        values = {"since": since, "until": until}
        return self._records(Verdict, f"{sql} {_BETWEEN}", values)

    def turns_to_finish(self) -> dict[str, list[int]]:
        """Turns of each conversation that was finished, up to then, unordered.

        By model, as named in the configuration: the one that served most of them.
        """
        found: dict[str, list[int]] = {}
        for model, turns in self._rows(_TO_FINISH, {}, tuple):
            found.setdefault(model, []).append(turns)
        return found

    def lost(self, since: float = 0.0) -> int:
        """How many records never reached the file, as far as it knows."""
        sql = "SELECT coalesce(sum(count), 0) FROM losses WHERE time >= :since"
        return sum(count for (count,) in self._rows(sql, {"since": since}, tuple))

    def tier_sets(self) -> dict[int, TierSet]:
        """What decisions were chosen from, with the prices of then, by key."""
        rows = self._rows("SELECT key, endpoints FROM tier_sets", {}, tuple)
        return {key: decode_tier_set(endpoints) for key, endpoints in rows}

    def extent(self) -> dict[str, int]:
        """How many rows each table has."""
        return {
            name: sum(n for (n,) in self._rows(f"SELECT count(*) FROM {t}", {}, tuple))
            for name, t in _TABLES.items()
        }

    def size(self) -> int:
        """Bytes on disk, SQLite's log beside the file included."""
        parts = [self.path, self.path.with_name(f"{self.path.name}-wal")]
        return sum(p.stat().st_size for p in parts if p.exists())

    def _calls(
        self, select: str, where: str, values: Mapping[str, Any]
    ) -> Iterator[Call]:
        sql = f"{select} WHERE {where} ORDER BY d.time, d.key"
        with self.reading() as connection:
            if connection is not None:
                yield from map(_call, connection.execute(sql, values))

    def _records[T](
        self, kind: type[T], sql: str, values: Mapping[str, Any]
    ) -> list[T]:
        return self._rows(sql, values, lambda row: _converted(dict(row), kind))

    def _rows[T](
        self, sql: str, values: Mapping[str, Any], make: Callable[[sqlite3.Row], T]
    ) -> list[T]:
        with self.reading() as connection:
            if connection is None:
                return []
            return [make(row) for row in connection.execute(sql, values)]


def _converted[T](fields: dict[str, Any], kind: type[T]) -> T:
    """The record that a row is; what the file has beside its fields is left out."""
    if "detail" in fields:
        fields["detail"] = msgspec.json.decode(fields["detail"])
    # Not strict, for SQLite gives flags back as 0 and 1.
    return msgspec.convert(fields, kind, strict=False)


def _call(row: sqlite3.Row) -> Call:
    fields = dict(row)
    attempts, body = fields.pop("attempts"), fields.pop("body", None)
    call = _converted(fields, Call)
    call.attempts = msgspec.json.decode(attempts, type=tuple[Attempt, ...])
    if body is not None:
        call.explanation = _explanation(body)
    return call


def _explanation(body: bytes) -> Explanation | None:
    """``None``: another release wrote it."""
    try:
        return msgspec.json.decode(zlib.decompress(body), type=Explanation)
    except (zlib.error, msgspec.DecodeError):
        return None


_TABLES: Final = {
    "conversations": "conversations",
    "decisions": "decisions",
    "tool results": "tool_results",
    "guard events": "guard_events",
    "verdicts": "verdicts",
    "texts": "texts",
}

_BETWEEN: Final = """
    JOIN conversations c ON c.key = e.conversation
    WHERE e.time >= :since AND e.time < :until ORDER BY e.time, e.key
"""

_COLUMNS: Final = "SELECT d.*, nullif(c.id, '') AS conversation_id, c.config"
_OF: Final = "FROM decisions d JOIN conversations c ON c.key = d.conversation"
_CALLS: Final = f"{_COLUMNS} {_OF}"
_EXPLAINED: Final = f"""
    {_COLUMNS}, e.body {_OF} LEFT JOIN explanations e ON e.decision = d.key
"""

_TO_FINISH: Final = """
    WITH finished AS (
        SELECT conversation, min(time) AS at FROM tool_results
        WHERE action_kind = 'finish' AND status = 'done' GROUP BY conversation
    ), served AS (
        SELECT d.conversation, d.served_model AS model, count(*) AS turns
        FROM finished f JOIN decisions d
        ON d.conversation = f.conversation AND d.time <= f.at
        WHERE d.purpose = 'agent' AND d.served_model IS NOT NULL
        GROUP BY d.conversation, d.served_model
    )
    SELECT model, total AS turns FROM (
        SELECT *, max(turns) OVER (PARTITION BY conversation) AS most,
            sum(turns) OVER (PARTITION BY conversation) AS total
        FROM served
    ) WHERE turns = most GROUP BY conversation
"""
