"""What runs at the moment, from the record alone: cheap enough to ask each second."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from openhands_tiered_router.record.telemetry.files import reading


if TYPE_CHECKING:
    from openhands_tiered_router.tiers import TierSet


WITHIN: Final = 600.0
"""Seconds without a record after which a conversation no longer counts as running:
twice the usual lifetime of a prompt cache."""

MOST: Final = 10
"""Conversations that are looked at."""

_BREAKERS_SINCE: Final = 3_600.0
"""Seconds that an open breaker is believed to be open without another word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A conversation with a record of late."""

    conversation_id: str
    last: float
    """Time of its last record, seconds since the epoch."""
    turn: int | None
    tier: str | None
    """Of the last turn; so is the floor."""
    floor: str | None
    tiers: tuple[str, ...]
    """That served its last turns, oldest first."""
    calls: int
    cost: float
    """USD, of all its calls with a known price."""
    instead: str | None
    """The tier that it is compared with: the stronger side of most of its choices."""
    instead_usd: float | None
    """USD, had that tier served the agent's turns, and what else was spent; an
    estimate."""
    budget: str | None
    """The last thing that a budget said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Now:
    """All of them."""

    running: tuple[Running, ...]
    """The latest first."""
    today: float
    """USD since midnight, local time."""
    open_breakers: tuple[str, ...]
    """Endpoints that are left out."""


def now(path: Path, within: float = WITHIN) -> Now:
    """Looks at the file; one that is missing has nothing running.

    Raises:
        TelemetryReadError: It cannot be read.
    """
    at = time.time()
    with reading(path) as connection:
        if connection is None:
            return Now(running=(), today=0.0, open_breakers=())
        rows = connection.execute(_RUNNING, (at - within, MOST)).fetchall()
        running = tuple(_running(connection, r) for r in rows)
        midnight = datetime.fromtimestamp(at).replace(hour=0, minute=0, second=0)
        (today,) = connection.execute(_TODAY, (midnight.timestamp(),)).fetchone()
        breakers = tuple(_open(connection, at - _BREAKERS_SINCE))
    return Now(running=running, today=today, open_breakers=breakers)


def _running(connection: sqlite3.Connection, row: sqlite3.Row) -> Running:
    # Here, because a prompt that has nothing to say of them need not wait.
    from openhands_tiered_router.tiers import Tier

    def name(level: int | None) -> str | None:
        return None if level is None else str(Tier(level))

    key = row["key"]
    turns = connection.execute(_TURNS, (key,)).fetchall()
    calls, cost = connection.execute(_COST, (key,)).fetchone()
    last = turns[0] if turns else None
    tier, usd = _instead(connection, key, cost)
    said = connection.execute(_BUDGET, (key,)).fetchone()
    return Running(
        conversation_id=row["id"],
        last=row["last"],
        turn=last["turn"] if last else None,
        tier=name(last["tier"]) if last else None,
        floor=name(last["floor"]) if last else None,
        tiers=tuple(str(Tier(t["tier"])) for t in turns[::-1] if t["tier"] is not None),
        calls=calls,
        cost=cost,
        instead=name(tier),
        instead_usd=usd,
        budget=None if said is None else _budget(said),
    )


def _instead(
    connection: sqlite3.Connection, key: int, cost: float
) -> tuple[int | None, float | None]:
    from openhands_tiered_router.record.report.sums import base_tier, conversation_sums
    from openhands_tiered_router.record.telemetry.digest import cachings
    from openhands_tiered_router.record.telemetry.digests import digests

    found = next(digests(connection, conversation=key), None)
    tier = None if found is None else base_tier(found.stronger)
    if found is None or tier is None:
        return None, None
    usd, sets = 0.0, _tier_sets(connection, key)
    kinds = {n: cachings(tiers) for n, tiers in sets.items()}
    for s in conversation_sums(found, kinds):
        tiers = None if s.tier_set is None else sets.get(s.tier_set)
        single = s.single(tiers.of(tiers.serving(tier))[0]) if tiers else None
        if single is None:
            return tier, None
        usd += single
        cost -= s.cost
    return tier, usd + max(cost, 0.0)


def _tier_sets(connection: sqlite3.Connection, key: int) -> dict[int, TierSet]:
    """Those of a conversation: the file may have many."""
    from openhands_tiered_router.record.telemetry.tier_sets import decode_tier_set

    return {n: decode_tier_set(text) for n, text in connection.execute(_SETS, (key,))}


def _open(connection: sqlite3.Connection, since: float) -> Iterator[str]:
    state: dict[str, str] = {}
    for kind, detail in connection.execute(_BREAKERS, (since,)):
        state[str(json.loads(detail).get("endpoint", "?"))] = kind
    return (endpoint for endpoint, kind in state.items() if kind == "opened")


def _budget(row: sqlite3.Row) -> str:
    limit = json.loads(row["detail"]).get("limit")
    return row["kind"] if limit is None else f"{row['kind']} ({limit})"


_RUNNING: Final = """
    SELECT key, id, last FROM conversations WHERE last >= ? AND id != ''
    ORDER BY last DESC LIMIT ?
"""

_TURNS: Final = """
    SELECT turn, coalesce(served_tier, tier) AS tier, floor FROM decision_rows
    WHERE conversation = ? AND purpose = (SELECT key FROM names WHERE name = 'agent')
    ORDER BY time DESC LIMIT 24
"""

_COST: Final = "SELECT count(*), total(cost) FROM decision_rows WHERE conversation = ?"

_SETS: Final = """
    SELECT key, endpoints FROM tier_sets WHERE key IN
        (SELECT tier_set FROM decision_rows WHERE conversation = ?)
"""

_BUDGET: Final = """
    SELECT kind, detail FROM guard_events
    WHERE conversation = ? AND guard = 'budget' ORDER BY time DESC LIMIT 1
"""

_TODAY: Final = "SELECT total(cost) FROM decision_rows WHERE time >= ?"

_BREAKERS: Final = """
    SELECT kind, detail FROM guard_events WHERE guard = 'breaker' AND time >= ?
    ORDER BY time
"""
