"""Questions to the telemetry file."""

from __future__ import annotations

import sqlite3
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from openhands_tiered_router.policy.outcome import Usage
from openhands_tiered_router.record.telemetry.files import (
    READ_SECONDS,
    TelemetryReadError,
    reading,
)
from openhands_tiered_router.record.telemetry.packing import own_id
from openhands_tiered_router.record.telemetry.records import AGENT_TURN
from openhands_tiered_router.record.telemetry.rows import stored_conversation_id
from openhands_tiered_router.record.telemetry.tier_sets import decode_tier_set
from openhands_tiered_router.record.telemetry.turns import (
    Turn,
    read_turns,
    tier_of,
    usage_of,
)
from openhands_tiered_router.tiers import Tier, TierSet


__all__ = [
    "READ_SECONDS",
    "ConversationTotals",
    "TelemetryFile",
    "TelemetryReadError",
    "Totals",
    "Turn",
]


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
        with self.reading() as connection:
            if connection is None:
                return []
            return read_turns(connection, "c.id = :id", {"id": name})

    def decision(self, decision_id: str) -> Turn | None:
        """The decision of that id; ``None``: there is none."""
        with self.reading() as connection:
            if connection is None:
                return None
            values = {"id": own_id(decision_id)}
            return next(iter(read_turns(connection, "r.id = :id", values)), None)

    def texts(self, decision_id: str) -> dict[str, str]:
        """What was said in a decision's call, as far as it is on record: ``request``
        and ``answer``."""
        with self.reading() as connection:
            if connection is None:
                return {}
            found = connection.execute(_TEXTS, (own_id(decision_id),)).fetchone()
            return {k: said for k, said in dict(found or ()).items() if said}

    def newest(self, count: int, since: float = 0.0) -> list[Turn]:
        """The agents' latest turns, oldest first.

        Args:
            count: How many at most.
            since: Seconds since the epoch.
        """
        with self.reading() as connection:
            if connection is None:
                return []
            values = {"count": count, "since": since, "purpose": AGENT_TURN}
            return read_turns(connection, _NEWEST, values)

    def conversations(self, since: float = 0.0) -> list[ConversationTotals]:
        """Those that had a decision since then, the latest first.

        Args:
            since: Seconds since the epoch. A conversation's totals are over all of
                its decisions, older ones too.
        """
        with self.reading() as connection:
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
        with self.reading() as connection:
            if connection is None:
                return {}
            rows = connection.execute(_BY_TIER, {"since": since, "until": until})
            return {tier_of(r["tier"]): _totals(r) for r in rows}

    def turns_to_finish(self) -> dict[str, list[int]]:
        """Turns of each conversation that was finished, up to then, unordered.

        By model, as named in the configuration: the one that served most of them.
        """
        with self.reading() as connection:
            if connection is None:
                return {}
            found: dict[str, list[int]] = {}
            for row in connection.execute(_TO_FINISH):
                found.setdefault(row["model"], []).append(row["turns"])
            return found

    def lost(self, since: float = 0.0) -> int:
        """How many records never reached the file, as far as it knows."""
        with self.reading() as connection:
            if connection is None:
                return 0
            sql = "SELECT coalesce(sum(count), 0) FROM losses WHERE time >= ?"
            (count,) = connection.execute(sql, (since,)).fetchone()
            return count

    def tier_sets(self) -> dict[int, TierSet]:
        """What decisions were chosen from, with the prices of then, by key."""
        with self.reading() as connection:
            if connection is None:
                return {}
            rows = connection.execute("SELECT key, endpoints FROM tier_sets")
            return {key: decode_tier_set(endpoints) for key, endpoints in rows}

    def reading(self) -> AbstractContextManager[sqlite3.Connection | None]:
        """A connection for questions of your own; see ``files.reading``."""
        return reading(self._path)


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
        usage=usage_of(row),
    )


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

_NEWEST: Final = """d.key IN (
    SELECT key FROM decision_rows
    WHERE time >= :since AND purpose = (SELECT key FROM names WHERE name = :purpose)
    ORDER BY time DESC LIMIT :count
)"""

_TEXTS: Final = """
    SELECT request, answer FROM texts
    WHERE decision = (SELECT key FROM decision_rows WHERE id = ?)
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
