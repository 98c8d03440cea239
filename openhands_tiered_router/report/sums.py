"""What each conversation's turns come to, and what one model would have paid for."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from openhands_tiered_router.tiers import Endpoint, LongContextPrices, Prices, Tier


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Which decisions a report is about."""

    since: float = 0.0
    """Seconds since the epoch, included."""
    until: float = float("inf")
    """Seconds since the epoch, not included."""
    conversation: int | None = None
    """Key of the only conversation; ``None``: all."""
    part: tuple[int, int] = (0, 1)
    """Of how many parts of the conversations this is which: they are independent."""

    def where(self, time: str = "time", conversation: str = "conversation") -> str:
        one = f" AND {conversation} = :only" if self.conversation is not None else ""
        return f"{time} >= :since AND {time} < :until{one}"

    def values(self) -> dict[str, Any]:
        return {"since": self.since, "until": self.until, "only": self.conversation}


@dataclass(frozen=True, slots=True)
class Caching:
    """What of an endpoint decides how its prompts would have been counted."""

    ttl: float
    above: int | None
    """Tokens past which a prompt costs more; ``None``: it never does."""

    @classmethod
    def of(cls, endpoint: Endpoint) -> Caching:
        long = endpoint.prices.long_context if endpoint.prices else None
        return cls(endpoint.cache_ttl, long.above if long else None)


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens of turns, had one endpoint served them all."""

    warm: int
    prompt: int
    output: int

    def cost(self, rate: Prices | LongContextPrices) -> float:
        """USD; see ``economics.costs.call_cost``, whose sum over turns it is."""
        cold = self.prompt - self.warm
        return (
            rate.cache_read * self.warm
            + rate.cache_write * cold
            + rate.output * self.output
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationSums:
    """The priced agent's turns of a conversation under one tier set."""

    conversation: int
    tier_set: int | None
    turns: int
    cost: float
    """USD, as charged."""
    score: float | None
    """Mean complexity of its tasks, 0 to 1."""
    served: tuple[int, int, int, int]
    """Turns by the tier that served."""
    judged: int
    """Turns of which it is known whether they were hard."""
    hard: int
    leaked: int
    """Hard turns served below what they were weighed against."""
    tokens: Mapping[Caching, tuple[Tokens, Tokens]]
    """Of prompts up to ``above``, and of longer ones."""

    def single(self, endpoint: Endpoint) -> float | None:
        """USD, had that endpoint served all; ``None``: its price is not known."""
        prices = endpoint.prices
        found = self.tokens.get(Caching.of(endpoint))
        if prices is None or found is None:
            return None
        usual, long = found
        dear = prices.long_context
        return usual.cost(prices) + (long.cost(dear) if dear else 0.0)


def conversation_sums(
    connection: sqlite3.Connection, span: Span, cachings: Iterable[Caching]
) -> list[ConversationSums]:
    """In no order. Turns without a price are left out."""
    kinds = tuple(dict.fromkeys(cachings))
    columns = ", ".join(c for i, k in enumerate(kinds) for c in _columns(i, k))
    only = " AND conversation = :only" if span.conversation is not None else ""
    if span.part[1] > 1:
        only += " AND conversation BETWEEN :first AND :last"
    sql = _SUMS.format(
        levels=levels(connection),
        only=only,
        where=span.where(),
        columns="," + columns if columns else "",
    )
    first, last = _part(connection, span)
    cursor = connection.execute(sql, span.values() | {"first": first, "last": last})
    return [_conversation(r, kinds) for r in cursor]


def _part(connection: sqlite3.Connection, span: Span) -> tuple[int, int]:
    """Its first and last key."""
    (most,) = connection.execute("SELECT max(key) FROM conversations").fetchone()
    which, parts = span.part
    step = (most or 0) // parts + 1
    return which * step, (which + 1) * step - 1


def levels(connection: sqlite3.Connection) -> str:
    """SQL for the tier of what a decision was weighed against; -1: nothing."""
    cases: list[str] = []
    for key, name in connection.execute("SELECT key, name FROM names"):
        try:
            cases.append(f"WHEN {key} THEN {int(Tier.of(name))}")
        except ValueError:
            continue
    return f"CASE weighed {' '.join(cases)} ELSE -1 END" if cases else "-1"


def _columns(i: int, caching: Caching) -> list[str]:
    warm = f"iif(gap <= {caching.ttl!r}, kept, 0)"
    if caching.above is None:
        sides = [("usual", "1")]
    else:
        short = f"prompt_tokens <= {caching.above}"
        sides = [("usual", short), ("long", f"NOT ({short})")]
    return [
        f"coalesce(sum(iif({when}, {what}, 0)), 0) AS {name}_{side}_{i}"
        for side, when in sides
        for name, what in (
            ("warm", warm),
            ("prompt", "prompt_tokens"),
            ("output", "completion_tokens"),
        )
    ]


def _conversation(row: sqlite3.Row, kinds: tuple[Caching, ...]) -> ConversationSums:
    def tokens(side: str, i: int) -> Tokens:
        return Tokens(*(row[f"{n}_{side}_{i}"] for n in ("warm", "prompt", "output")))

    return ConversationSums(
        conversation=row["conversation"],
        tier_set=row["tier_set"],
        turns=row["turns"],
        cost=row["cost"],
        score=row["score"],
        served=(row["t0"], row["t1"], row["t2"], row["t3"]),
        judged=row["judged"],
        hard=row["hard"],
        leaked=row["leaked"],
        tokens={
            k: (tokens("usual", i), tokens("long", i) if k.above else Tokens(0, 0, 0))
            for i, k in enumerate(kinds)
        },
    )


# The literal is records.AGENT_TURN, whose module is too slow to import for a prompt.
# Turns before the span count as what a cache still holds: only the sums are cut to it.
_SUMS: Final = """
    WITH turns AS (
        SELECT conversation, tier_set, time, cost, score, served_tier, hard,
            prompt_tokens, completion_tokens, {levels} AS rival,
            min(prompt_tokens, lag(prompt_tokens) OVER before) AS kept,
            time - lag(time + coalesce(seconds, 0) / 1e6) OVER before AS gap
        FROM decision_rows
        WHERE answered = 1
            AND purpose = (SELECT key FROM names WHERE name = 'agent'){only}
        WINDOW before AS (PARTITION BY conversation ORDER BY time)
    )
    SELECT conversation, tier_set, count(*) AS turns, total(cost) AS cost,
        avg(score) / 1e6 AS score,
        sum(served_tier = 0) AS t0, sum(served_tier = 1) AS t1,
        sum(served_tier = 2) AS t2, sum(served_tier = 3) AS t3,
        count(hard) AS judged, coalesce(sum(hard = 1), 0) AS hard,
        coalesce(sum(hard = 1 AND served_tier < rival), 0) AS leaked {columns}
    FROM turns WHERE cost IS NOT NULL AND {where}
    GROUP BY conversation, tier_set
"""
