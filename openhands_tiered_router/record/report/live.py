"""What runs at the moment, from the record alone: cheap enough to ask each second."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from openhands_tiered_router.record.telemetry.opening import reading
from openhands_tiered_router.record.telemetry.process import is_alive


WITHIN: Final = 600.0
"""Seconds without a record after which a conversation no longer counts as running:
twice the usual lifetime of a prompt cache."""

MOST: Final = 10
"""Conversations that are shown."""

_BREAKERS_SINCE: Final = 3_600.0
"""Seconds that an open breaker is believed to be open without another word."""

_TIERS: Final = ("simple", "medium", "complex", "reasoning")


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A conversation with a record of late, whose process is alive."""

    conversation_id: str
    last: float
    """Time of its last record, seconds since the epoch."""
    turn: int | None
    """Number of its last turn, from 1; ``None``: it has not had one."""
    tier: str | None
    """Of the last turn; so is the floor."""
    floor: str | None
    tiers: tuple[str, ...]
    """That served its last turns, oldest first."""
    calls: int
    cost: float
    """USD, of all its calls with a known price."""
    unpriced: int
    """Answered calls whose price is not known."""
    instead: str | None
    """The tier that it is compared with: the stronger side of most of its choices."""
    instead_usd: float | None
    """USD, had that tier served the agent's turns, and what else was spent; an
    estimate."""
    budget: str | None
    """The last thing that a budget said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """All of them."""

    running: tuple[Running, ...]
    """The latest first."""
    today: float
    """USD since midnight, local time."""
    open_breakers: tuple[str, ...]
    """Endpoints that a running process leaves out."""


def live(path: Path, within: float = WITHIN, config: str | None = None) -> Live:
    """Looks at the file; one that is missing has nothing running.

    Args:
        path: The telemetry file.
        within: Seconds without a record after which a conversation is left out.
        config: Fingerprint of the only configuration to look at; ``None``: all.

    Raises:
        TelemetryReadError: It cannot be read.
    """
    at = time.time()
    with reading(path) as connection:
        if connection is None:
            return Live(running=(), today=0.0, open_breakers=())
        midnight = datetime.fromtimestamp(at).replace(hour=0, minute=0, second=0)
        values = {
            "since": at - within,
            "config": config,
            "midnight": midnight.timestamp(),
            "breakers": at - _BREAKERS_SINCE,
        }
        rows = connection.execute(_RUNNING, values)
        alive = [r for r in rows if is_alive(r["process"])][:MOST]
        (today,) = connection.execute(_TODAY, values).fetchone()
        return Live(
            running=tuple(_running(connection, r) for r in alive),
            today=today,
            open_breakers=tuple(_open(connection, values)),
        )


def _running(connection: sqlite3.Connection, row: sqlite3.Row) -> Running:
    key = (row["key"],)
    turns = connection.execute(_TURNS, key).fetchall()
    calls, unpriced, cost = connection.execute(_COST, key).fetchone()
    last = turns[0] if turns else None
    tier, usd = _instead(connection, row["key"], cost)
    said = connection.execute(_BUDGET, key).fetchone()
    return Running(
        conversation_id=row["id"],
        last=row["last"],
        turn=last["turn"] if last else None,
        tier=last["tier"] if last else None,
        floor=last["floor"] if last else None,
        tiers=tuple(t["tier"] for t in turns[::-1] if t["tier"] is not None),
        calls=calls,
        cost=cost,
        unpriced=unpriced,
        instead=tier,
        instead_usd=usd,
        budget=None if said is None else _budget(said),
    )


def _instead(
    connection: sqlite3.Connection, key: int, cost: float
) -> tuple[str | None, float | None]:
    # Here, because a prompt that has nothing to say of them need not wait.
    from openhands_tiered_router.record.telemetry.costs import (
        decode_tier_set,
        turn_costs,
    )

    rows = connection.execute(_COMPARED, (key,)).fetchall()
    sides = [
        max(_TIERS.index(r["tier"]), _TIERS.index(r["weighed_tier"]))
        for r in rows
        if r["weighed_tier"] and r["tier"]
    ]
    if not sides:
        return None, None
    tier = _TIERS[max(set(sides), key=lambda side: (sides.count(side), side))]
    sets = {r["tier_set"]: r["endpoints"] for r in rows}
    decoded = {k: decode_tier_set(e) if e else None for k, e in sets.items()}
    usd = 0.0
    for row, costs in zip(
        rows, turn_costs(list(map(dict, rows)), decoded), strict=True
    ):
        if row["answered"] and row["cost"] is not None:
            single = costs[f"alone_{tier}"]
            if single is None:
                return tier, None
            usd += single
            cost -= row["cost"]
    return tier, usd + max(cost, 0.0)


def _open(connection: sqlite3.Connection, values: dict[str, object]) -> Iterator[str]:
    state: dict[str, str] = {}
    for kind, detail, process in connection.execute(_BREAKERS, values):
        if is_alive(process):
            state[str(json.loads(detail).get("endpoint", "?"))] = kind
    return (endpoint for endpoint, kind in state.items() if kind == "opened")


def _budget(row: sqlite3.Row) -> str:
    said = str(row["kind"]).replace("_", " ")
    named = json.loads(row["detail"])
    limit = named.get("limit") or named.get("budget")
    return said if not limit else f"{said}: {limit_in_words(str(limit))}"


def limit_in_words(limit: str) -> str:
    """Of a limit's key, such as ``day:team:usd:18000000000``: how much, and whose."""
    match limit.split(":"):
        case [scope, *name, unit, amount] if amount.isdigit() and unit in _PER:
            what, per = _PER[unit]
            number = int(amount) / per
            shown = f"${number:,.4g}" if unit == "usd" else f"{number:,g} {what}"
            return f"{shown} per {scope}" + (f" ({':'.join(name)})" if name else "")
    return limit


_PER: Final = {
    "usd": ("USD", 1e9),
    "tokens": ("tokens", 1),
    "turns": ("turns", 1),
    "seconds": ("seconds", 1e3),
}
"""Of a ledger's whole numbers in each unit."""

# A conversation whose last word was to finish does not run, though its process does.
_RUNNING: Final = """
    SELECT key, id, last, process FROM conversations c
    WHERE last >= :since AND id != '' AND process IS NOT NULL
        AND (:config IS NULL OR config = :config)
        AND NOT EXISTS (
            SELECT 1 FROM tool_results t
            WHERE t.conversation = c.key AND t.action_kind = 'finish'
                AND t.time >= (SELECT max(time) FROM decisions d
                    WHERE d.conversation = c.key AND d.purpose = 'agent')
        )
    ORDER BY last DESC
"""

_TURNS: Final = """
    SELECT turn, coalesce(served_tier, tier) AS tier, floor FROM decisions
    WHERE conversation = ? AND purpose = 'agent'
    ORDER BY time DESC LIMIT 24
"""

_COST: Final = """
    SELECT count(*), count(*) FILTER (WHERE answered = 1 AND cost IS NULL), total(cost)
    FROM decisions WHERE conversation = ?
"""

_COMPARED: Final = """
    SELECT d.tier, d.weighed_tier, d.tier_set, s.endpoints, d.time,
        d.answered, d.served_endpoint, d.prompt_tokens, d.completion_tokens,
        d.cache_read_tokens, d.cost
    FROM decisions d LEFT JOIN tier_sets s ON s.key = d.tier_set
    WHERE d.conversation = ? AND d.purpose = 'agent' ORDER BY d.time, d.key
"""

_BUDGET: Final = """
    SELECT kind, detail FROM guard_events
    WHERE conversation = ? AND guard = 'budget' ORDER BY time DESC LIMIT 1
"""

_TODAY: Final = """
    SELECT total(d.cost) FROM decisions d
    WHERE d.time >= :midnight AND (:config IS NULL OR d.conversation IN
        (SELECT key FROM conversations WHERE config = :config AND last >= :midnight))
"""

_BREAKERS: Final = """
    SELECT e.kind, e.detail, c.process FROM guard_events e
    JOIN conversations c ON c.key = e.conversation
    WHERE e.guard = 'breaker' AND e.time >= :breakers
        AND (:config IS NULL OR c.config = :config)
    ORDER BY e.time
"""
