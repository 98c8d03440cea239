"""What changing models did to prompt caches."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from openhands_tiered_router.report.sums import Span
from openhands_tiered_router.tiers import TierSet


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipts:
    """Turns by whether the endpoint of the turn before served again."""

    held: int
    switched: int
    unpriced: int
    """Switched turns whose endpoint's prices are not known: not in ``switch_cost``."""
    switch_cost: float
    """USD: what the turn before had sent and the new endpoint did not have cached, at
    its price of writing less that of reading."""
    held_against_cheaper: int
    """Held turns although what they were weighed against was cheaper for this turn."""
    held_gain: float
    """USD: what these were expected to save later, less what they cost more now."""
    warm_predicted: int
    """Tokens of held turns that the comparisons take for cached."""
    warm_read: int
    """Of these turns, the tokens that providers read from their caches."""

    @property
    def honoured(self) -> float | None:
        """Share of the tokens taken for cached that providers did read so."""
        if not self.warm_predicted:
            return None
        return self.warm_read / self.warm_predicted


def receipts(
    connection: sqlite3.Connection, span: Span, tier_sets: Mapping[int, TierSet]
) -> Receipts:
    """From the agent's turns."""
    held = switched = unpriced = cheaper = predicted = read = 0
    cost = gain = 0.0
    only = " AND conversation = :only" if span.conversation is not None else ""
    sql = _SQL.format(where=span.where(), only=only)
    for row in connection.execute(sql, span.values()):
        held, switched = held + row["held"], switched + row["switched"]
        cheaper, gain = cheaper + row["cheaper"], gain + row["gain"]
        predicted, read = predicted + row["predicted"], read + row["read"]
        premium = _premium(tier_sets.get(row["tier_set"]), row["endpoint"])
        if premium is None:
            unpriced += row["switched"]
        else:
            cost += premium * row["again"]
    return Receipts(
        held=held,
        switched=switched,
        unpriced=unpriced,
        switch_cost=cost,
        held_against_cheaper=cheaper,
        held_gain=gain,
        warm_predicted=predicted,
        warm_read=read,
    )


def _premium(tiers: TierSet | None, key: str | None) -> float | None:
    """USD a token for what must be written again, instead of being read."""
    endpoints = tiers.endpoints if tiers else ()
    prices = next((e.prices for e in endpoints if e.key == key), None)
    return None if prices is None else prices.cache_write - prices.cache_read


_TTL: Final = 300
"""Seconds that prompts are taken to be kept, to check that against what was read."""

_SQL: Final = f"""
    WITH turns AS (
        SELECT conversation, time, moved, tier_set, served_endpoint, cache_read_tokens,
            estimated_now + estimated_return AS own, estimated_now AS now,
            weighed_now, weighed_now + weighed_return AS other,
            min(prompt_tokens, lag(prompt_tokens) OVER before) AS kept,
            time - lag(time + coalesce(seconds, 0) / 1e6) OVER before AS gap
        FROM decision_rows WHERE (moved IS NOT NULL OR turn = 0) {{only}}
        WINDOW before AS (PARTITION BY conversation ORDER BY time)
    )
    SELECT tier_set, (SELECT name FROM names WHERE key = served_endpoint) AS endpoint,
        sum(moved = 0) AS held, sum(moved = 1) AS switched,
        sum(iif(moved = 1, max(coalesce(kept, 0) - cache_read_tokens, 0), 0)) AS again,
        coalesce(sum(moved = 0 AND weighed_now < now), 0) AS cheaper,
        total(iif(moved = 0 AND weighed_now < now, other - own, 0)) / 1e9 AS gain,
        sum(iif(moved = 0 AND gap <= {_TTL}, coalesce(kept, 0), 0)) AS predicted,
        sum(iif(moved = 0 AND gap <= {_TTL}, cache_read_tokens, 0)) AS read
    FROM turns WHERE moved IS NOT NULL AND {{where}}
    GROUP BY tier_set, served_endpoint
"""
