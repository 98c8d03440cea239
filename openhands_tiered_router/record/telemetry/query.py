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
from openhands_tiered_router.record.telemetry.calls import Explanation
from openhands_tiered_router.record.telemetry.opening import (
    TelemetryReadError,
    reading,
)
from openhands_tiered_router.record.telemetry.records import (
    AGENT_TURN,
    Call,
    GuardEvent,
    ToolResult,
    ToolStatus,
    Verdict,
)
from openhands_tiered_router.record.telemetry.schema import (
    CALL_COLUMNS,
    TOOL_COLUMNS,
    VERDICT_COLUMNS,
    flags,
)
from openhands_tiered_router.record.telemetry.statements import stored_id
from openhands_tiered_router.record.telemetry.tier_sets import decode_tier_set
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
        """Calls without their explanations, by conversation and time; the file stays
        open while they are iterated.

        Args:
            since: Seconds since the epoch, included.
            conversation_id: Only this one's; ``None``: all.
        """
        values: dict[str, Any] = {"since": since}
        where = "d.time >= :since"
        if conversation_id is not None:
            where += " AND c.id = :id"
            values["id"] = stored_id(conversation_id)
        elif since > 0:
            order = "ORDER BY d.time, d.key"
            yield from self._calls(where, values, order)
            return
        yield from self._calls(where, values, "ORDER BY d.conversation, d.time, d.key")

    def turns(self, conversation_id: str | None) -> list[Call]:
        """A conversation's calls with explanations and tools, in order of time."""
        values = {"id": stored_id(conversation_id)}
        order = "ORDER BY d.time, d.key"
        calls = list(self._calls("c.id = :id", values, order, explained=True))
        by_response: dict[str | None, list[ToolResult]] = {}
        for tool in self.tools(conversation_id):
            by_response.setdefault(tool.response_id, []).append(tool)
        for call in calls:
            call.tools = tuple(by_response.get(call.response, ()))
        return calls

    def decision(self, decision_id: str) -> Call | None:
        """The call of that id, explained; ``None``: there is none."""
        values = {"id": stored_id(decision_id)}
        return next(self._calls("d.id = :id", values, explained=True), None)

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
        order = "ORDER BY d.time, d.key"
        return list(self._calls(where, values, order, explained=True))

    def tools(self, conversation_id: str | None) -> list[ToolResult]:
        """The tool calls of a conversation, in order of time."""
        return self._rows(
            "SELECT * FROM tool_results WHERE conversation IN "
            "(SELECT key FROM conversations WHERE id = :id) ORDER BY time, call",
            {"id": stored_id(conversation_id)},
            lambda row: _tool(row, conversation_id),
        )

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
        return self._rows(
            f"SELECT e.*, c.id FROM guard_events e {_BETWEEN}",
            {"since": since, "until": until},
            lambda r: GuardEvent(
                conversation_id=r["id"] or None,
                time=r["time"],
                guard=r["guard"],
                kind=r["kind"],
                detail=msgspec.json.decode(r["detail"]),
            ),
        )

    def verdicts(self, since: float, until: float) -> list[Verdict]:
        """What judges said; the arguments are those of ``events``."""
        return self._rows(
            f"SELECT e.*, c.id FROM verdicts e {_BETWEEN}",
            {"since": since, "until": until},
            lambda r: Verdict(
                conversation_id=r["id"] or None, **_fields(r, VERDICT_COLUMNS, Verdict)
            ),
        )

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
        self,
        where: str,
        values: Mapping[str, Any],
        order: str = "",
        *,
        explained: bool = False,
    ) -> Iterator[Call]:
        select = _EXPLAINED if explained else _CALLS
        with self.reading() as connection:
            if connection is not None:
                rows = connection.execute(f"{select} WHERE {where} {order}", values)
                yield from map(_call, rows)

    def _rows[T](
        self, sql: str, values: Mapping[str, Any], make: Callable[[sqlite3.Row], T]
    ) -> list[T]:
        with self.reading() as connection:
            if connection is None:
                return []
            return [make(row) for row in connection.execute(sql, values)]


def _fields(row: sqlite3.Row, names: tuple[str, ...], struct: type) -> dict[str, Any]:
    known = dict(zip(row.keys(), row, strict=True))  # a row looks each name up anew
    fields = {name: known[name] for name in names}
    for name in flags(struct).intersection(names):
        if fields[name] is not None:
            fields[name] = bool(fields[name])
    return fields


def _call(row: sqlite3.Row) -> Call:
    names = row.keys()
    return Call(
        id=row["id"],
        key=row["key"],
        conversation_id=row["conversation_id"] or None,
        parent_id=row["parent_id"],
        config=row["config"],
        attempts=_decoded(row["attempts"], tuple[Attempt, ...]),
        explanation=_explanation(row["body"]) if "body" in names else None,
        **_fields(row, CALL_COLUMNS, Call),
    )


def _explanation(body: bytes | None) -> Explanation | None:
    try:
        return _decoded(body and zlib.decompress(body), Explanation)
    except zlib.error:
        return None


def _decoded[T](text: str | bytes | None, kind: type[T]) -> T | None:
    """``None``: there is none, or another release wrote it."""
    if text is None:
        return None
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.DecodeError:
        return None


def _tool(row: sqlite3.Row, conversation_id: str | None) -> ToolResult:
    fields = _fields(row, TOOL_COLUMNS, ToolResult)
    fields["status"] = ToolStatus(fields["status"])
    return ToolResult(
        conversation_id=conversation_id,
        response_id=row["response"],
        tool_call_id=row["call"],
        **fields,
    )


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

_OF: Final = "FROM decisions d JOIN conversations c ON c.key = d.conversation"
_CALLS: Final = f"SELECT d.*, c.id AS conversation_id, c.parent_id, c.config {_OF}"
_EXPLAINED: Final = f"""
    SELECT d.*, c.id AS conversation_id, c.parent_id, c.config, e.body {_OF}
    LEFT JOIN explanations e ON e.decision = d.key
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
