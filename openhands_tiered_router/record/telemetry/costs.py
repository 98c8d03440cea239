"""What each turn of a conversation would have cost on one tier alone: estimates.

Light to import, for ``status`` asks each second.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import msgspec

from openhands_tiered_router.policy.economics.costs import call_cost, rates
from openhands_tiered_router.tiers import Endpoint, Tier, TierSet


type Row = Mapping[str, Any]
"""Columns of ``decisions``."""


@lru_cache(256)
def decode_tier_set(text: str) -> TierSet:
    """What a decision was chosen from, of the column ``tier_sets.endpoints``.

    Raises:
        ValueError: Not in the format that ``statements`` writes.
    """
    return TierSet(msgspec.json.decode(text, type=tuple[Endpoint, ...]))


def turn_costs(
    turns: Iterable[Row], tier_sets: Mapping[int | None, TierSet | None]
) -> list[dict[str, float | None]]:
    """What caches held, and what each turn would have cost on other tiers.

    Args:
        turns: The agent's turns of a conversation, in order: rows with ``tier_set``,
            ``answered``, ``time``, ``served_endpoint`` and tokens.
        tier_sets: By key.

    Returns:
        For each turn ``carried``, ``rewrite_usd`` and ``alone_simple`` to
        ``alone_reasoning``; see ``records.Call``.
    """
    found: list[dict[str, float | None]] = []
    sent, began, before = 0, float("-inf"), None
    single = {key: firsts(tiers) for key, tiers in tier_sets.items()}
    for turn in turns:
        costs: dict[str, float | None] = dict.fromkeys(_COSTS)
        tiers = tier_sets[turn["tier_set"]]
        if turn["answered"]:
            prompt = turn["prompt_tokens"] or 0
            kept, gap = min(prompt, sent), turn["time"] - began
            served = _endpoint(tiers, turn["served_endpoint"])
            if before is not None:
                lifetime = before.cache_ttl
                costs["carried"] = carried = kept if gap <= lifetime else 0
                if served is not None and served.key != before.key:
                    costs["rewrite_usd"] = _rewritten(served, turn, carried)
            output = turn["completion_tokens"] or 0
            costs |= alone(single[turn["tier_set"]], prompt, kept, gap, output)
            sent, began = prompt, turn["time"]
            before = served
        found.append(costs)
    return found


def firsts(tiers: TierSet | None) -> tuple[Endpoint, ...]:
    """The endpoint that would serve each tier alone, the weakest tier first; none where
    one of their prices is not known."""
    found = tuple(tiers.of(tiers.serving(t))[0] for t in Tier) if tiers else ()
    return found if all(e.prices is not None for e in found) else ()


def alone(
    endpoints: Sequence[Endpoint], prompt: int, kept: int, gap: float, output: int
) -> dict[str, float | None]:
    """USD of a turn for each tier, had its first endpoint served all the conversation.

    Args:
        endpoints: ``firsts`` of what it was chosen from.
        prompt: Tokens of its prompt.
        kept: Tokens of these that the turn before had sent. They count as cached if
            ``gap`` is within the endpoint's lifetime; the others are written.
        gap: Seconds since the start of the turn before, from which lifetimes count.
        output: Tokens of its answer. Another model is taken to need the same.
    """
    return {
        name: e.prices
        and call_cost(
            e.prices,
            prompt=prompt,
            warm=kept if gap <= e.cache_ttl else 0,
            output=output,
        )
        for name, e in zip(_ALONE, endpoints, strict=False)
    }


def _endpoint(tiers: TierSet | None, key: str | None) -> Endpoint | None:
    return next((e for e in tiers.endpoints if e.key == key), None) if tiers else None


def _rewritten(served: Endpoint, turn: Row, carried: int) -> float | None:
    """USD for writing again what was cached elsewhere, instead of reading it."""
    if served.prices is None:
        return None
    again = max(carried - (turn["cache_read_tokens"] or 0), 0)
    rate = rates(served.prices, turn["prompt_tokens"] or 0)
    return again * (rate.cache_write - rate.cache_read)


_ALONE: Final = tuple(f"alone_{tier}" for tier in Tier)
_COSTS: Final = ("carried", "rewrite_usd", *_ALONE)
