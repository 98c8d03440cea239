"""Reading the telemetry file, while others write it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from openhands_tiered_router.core.decision import Decision, Outcome, Usage
from openhands_tiered_router.telemetry import encoding
from openhands_tiered_router.telemetry.records import ToolResult, ToolStatus
from openhands_tiered_router.telemetry.rows import stored_conversation_id
from openhands_tiered_router.telemetry.schema import UnusableFile, version_of
from openhands_tiered_router.tiers import Tier


READ_SECONDS: Final = 2.0
"""Wait for a writer that is just changing the file as a whole, which is rare."""


class TelemetryReadError(Exception):
    """The file cannot be read; the message names it, the trouble and the remedy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A decision as it stands on record, with its consequences so far."""

    decision_id: str
    conversation_id: str | None
    parent_conversation_id: str | None
    turn: int | None
    purpose: str | None
    time: float | None
    model: str | None
    overhead_us: float | None
    decision: Decision | None
    """``None``: only its outcome reached the file."""
    outcome: Outcome | None
    """``None``: not there yet, or lost."""
    served_tier: Tier | None
    served_model: str | None
    tools: tuple[ToolResult, ...]
    """Of the answer's tool calls, oldest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Sums over decisions."""

    calls: int = 0
    failed: int = 0
    """Calls that no endpoint answered."""
    unpriced: int = 0
    """Answered calls whose cost is not known: ``cost`` lacks them."""
    cost: float = 0.0
    """USD."""
    usage: Usage = Usage()


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationTotals:
    """One conversation in short."""

    conversation_id: str | None
    parent_conversation_id: str | None
    first: float
    """Time of its first decision, seconds since the epoch."""
    last: float
    totals: Totals


class TelemetryFile:
    """Answers questions from one file; a file that is missing has no rows.

    Each method opens the file read-only, asks, and closes it again, so that nothing
    here keeps a writer from tidying up. All raise ``TelemetryReadError``.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def turns(self, conversation_id: str | None) -> list[Turn]:
        """A conversation's decisions, in order of time."""
        name = stored_conversation_id(conversation_id)
        with self._reading() as connection:
            if connection is None:
                return []
            rows = connection.execute(_TURNS, {"id": name}).fetchall()
            return [_turn(r, _tools(connection, r, conversation_id)) for r in rows]

    def conversations(self, since: float = 0.0) -> list[ConversationTotals]:
        """Those that had a decision since then, the latest first.

        Args:
            since: Seconds since the epoch. A conversation's totals are over all of
                its decisions, older ones too.
        """
        with self._reading() as connection:
            if connection is None:
                return []
            rows = connection.execute(_CONVERSATIONS, {"since": since})
            return [_conversation(r) for r in rows]

    def totals(
        self, since: float = 0.0, until: float = float("inf")
    ) -> dict[Tier | None, Totals]:
        """Sums by the tier that was decided for; ``None``: the decision was lost.

        Args:
            since: Seconds since the epoch, included.
            until: Seconds since the epoch, not included.
        """
        with self._reading() as connection:
            if connection is None:
                return {}
            rows = connection.execute(_BY_TIER, {"since": since, "until": until})
            return {_tier(r["tier"]): _totals(r) for r in rows}

    def turns_to_finish(self) -> dict[str, list[int]]:
        """Turns of each conversation that was finished, up to then, unordered.

        By model, as named in the configuration: the one that served most of them.
        """
        with self._reading() as connection:
            if connection is None:
                return {}
            found: dict[str, list[int]] = {}
            for row in connection.execute(_TO_FINISH):
                found.setdefault(row["model"], []).append(row["turns"])
            return found

    def lost(self, since: float = 0.0) -> int:
        """How many records never reached the file, as far as it knows."""
        with self._reading() as connection:
            if connection is None:
                return 0
            sql = "SELECT coalesce(sum(count), 0) FROM losses WHERE time >= ?"
            (count,) = connection.execute(sql, (since,)).fetchone()
            return count

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection | None]:
        """A connection; ``None``: there is nothing to read."""
        try:
            if not self._path.exists():
                yield None
                return
            uri = f"{self._path.absolute().as_uri()}?mode=ro"
            with closing(sqlite3.connect(uri, READ_SECONDS, uri=True)) as connection:
                connection.row_factory = sqlite3.Row
                yield connection if version_of(connection) else None
        except UnusableFile as error:
            raise TelemetryReadError(f"{self._path}: {error}") from None
        except (sqlite3.Error, OSError) as error:
            raise TelemetryReadError(
                f"{self._path} cannot be read: {error}. If it stays so, move the file "
                "away; the router begins a new one"
            ) from error


def _turn(row: sqlite3.Row, tools: tuple[ToolResult, ...]) -> Turn:
    return Turn(
        decision_id=row["id"],
        conversation_id=row["conversation_id"] or None,
        parent_conversation_id=row["parent_id"],
        turn=row["turn"],
        purpose=row["purpose"],
        time=row["time"],
        model=row["model"],
        overhead_us=row["overhead_us"],
        decision=None if row["tier"] is None else _decision(row),
        outcome=None if row["answered"] is None else _outcome(row),
        served_tier=_tier(row["served_tier"]),
        served_model=row["served_model"],
        tools=tools,
    )


def _decision(row: sqlite3.Row) -> Decision:
    return Decision(
        tier=Tier.parse(row["tier"]),
        endpoint=row["endpoint"],
        fallbacks=encoding.decode_names(row["fallbacks"] or "[]"),
        need=Tier.parse(row["need"]),
        floor=_tier(row["floor"]),
        cap=_tier(row["cap"]),
        pinned=bool(row["pinned"]),
        score=row["score"],
        p_mechanical=row["p_mechanical"],
        candidates=encoding.decode_candidates(row["candidates"] or "[]"),
        reasons=encoding.decode_reasons(row["reasons"] or "[]"),
        dimensions=encoding.decode_dimensions(row["dimensions"] or "[]"),
        propensity=row["propensity"],
        policy=row["policy"],
    )


def _outcome(row: sqlite3.Row) -> Outcome:
    return Outcome(
        endpoint=row["served_endpoint"],
        attempts=encoding.decode_attempts(row["attempts"]),
        usage=_usage(row),
        cost=row["cost"],
        seconds=row["seconds"],
        first_token_seconds=row["first_token_seconds"],
        response_id=row["response_id"],
    )


def _tools(
    connection: sqlite3.Connection, turn: sqlite3.Row, conversation_id: str | None
) -> tuple[ToolResult, ...]:
    if turn["response_id"] is None:
        return ()
    rows = connection.execute(_TOOLS, (turn["conversation"], turn["response_id"]))
    return tuple(_tool_result(r, conversation_id) for r in rows)


def _tool_result(row: sqlite3.Row, conversation_id: str | None) -> ToolResult:
    return ToolResult(
        conversation_id=conversation_id,
        response_id=row["response_id"],
        tool_call_id=row["tool_call_id"],
        tool_name=row["tool_name"],
        time=row["time"],
        status=ToolStatus(row["status"]),
        action_kind=row["action_kind"],
        exit_code=row["exit_code"],
        is_error=_flag(row["is_error"]),
        failed=_flag(row["failed"]),
        seconds=row["seconds"],
        rework=_flag(row["rework"]),
    )


def _conversation(row: sqlite3.Row) -> ConversationTotals:
    return ConversationTotals(
        conversation_id=row["conversation_id"] or None,
        parent_conversation_id=row["parent_id"],
        first=row["first"],
        last=row["last"],
        totals=_totals(row),
    )


def _totals(row: sqlite3.Row) -> Totals:
    return Totals(
        calls=row["calls"],
        failed=row["failed"],
        unpriced=row["unpriced"],
        cost=row["cost"],
        usage=_usage(row),
    )


def _usage(row: sqlite3.Row) -> Usage:
    return Usage(
        prompt=row["prompt_tokens"],
        completion=row["completion_tokens"],
        cache_read=row["cache_read_tokens"],
        cache_write=row["cache_write_tokens"],
        reasoning=row["reasoning_tokens"],
    )


def _tier(name: str | None) -> Tier | None:
    return None if name is None else Tier.parse(name)


def _flag(value: int | None) -> bool | None:
    return None if value is None else bool(value)


_SUMS: Final = """
    count(*) AS calls,
    coalesce(sum(answered = 0), 0) AS failed,
    coalesce(sum(answered = 1 AND cost IS NULL), 0) AS unpriced,
    total(cost) AS cost,
    coalesce(sum(prompt_tokens), 0) AS prompt_tokens,
    coalesce(sum(completion_tokens), 0) AS completion_tokens,
    coalesce(sum(cache_read_tokens), 0) AS cache_read_tokens,
    coalesce(sum(cache_write_tokens), 0) AS cache_write_tokens,
    coalesce(sum(reasoning_tokens), 0) AS reasoning_tokens
"""

_TURNS: Final = """
    SELECT d.*, c.id AS conversation_id, c.parent_id,
        e.fallbacks, e.candidates, e.reasons, e.dimensions
    FROM conversations c
    JOIN decisions d ON d.conversation = c.key
    LEFT JOIN explanations e ON e.decision = d.key
    WHERE c.id = :id
    ORDER BY d.time, d.key
"""

_TOOLS: Final = """
    SELECT * FROM tool_results WHERE conversation = ? AND response_id = ?
    ORDER BY time, tool_call_id
"""

_CONVERSATIONS: Final = f"""
    SELECT c.id AS conversation_id, c.parent_id,
        min(time) AS first, max(time) AS last, {_SUMS}
    FROM decisions d JOIN conversations c ON c.key = d.conversation
    WHERE c.key IN (SELECT conversation FROM decisions WHERE time >= :since)
    GROUP BY c.key
    ORDER BY last DESC
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
    SELECT model, max(turns) AS most, total AS turns FROM (
        SELECT *, sum(turns) OVER (PARTITION BY conversation) AS total FROM served
    ) GROUP BY conversation
"""

_BY_TIER: Final = f"""
    SELECT tier, {_SUMS} FROM decisions
    WHERE time >= :since AND time < :until
    GROUP BY tier ORDER BY tier
"""
