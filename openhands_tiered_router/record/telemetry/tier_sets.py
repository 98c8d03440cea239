"""What a decision was chosen from, as JSON: endpoints, tiers, models and prices."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import lru_cache
from typing import Any

from openhands_tiered_router.tiers import (
    Endpoint,
    LongContextPrices,
    Prices,
    Tier,
    TierSet,
)


def encode_tier_set(tiers: TierSet) -> str:
    """Equal for equal endpoints."""
    return _encoded(tiers.endpoints)


# By the endpoints, which are few: the writer meets the same ones in each record.
@lru_cache(64)
def _encoded(endpoints: tuple[Endpoint, ...]) -> str:
    # Here, because who only reads need not wait for its patterns.
    from openhands_tiered_router.record.telemetry import clean

    found = [
        {
            "key": clean.name(e.key),
            "tier": str(e.tier),
            "model": clean.name(e.model),
            "cache_ttl": e.cache_ttl,
            "prices": None if e.prices is None else asdict(e.prices),
        }
        for e in endpoints
    ]
    return json.dumps(found, separators=(",", ":"))


@lru_cache(256)
def decode_tier_set(text: str) -> TierSet:
    """What ``encode_tier_set`` wrote. Limits, and what providers call addresses, are
    not recorded: an endpoint's ``cache_id`` is its key.

    Raises:
        ValueError, TypeError, KeyError: Not in the format of ``encode_tier_set``.
    """
    return TierSet(tuple(_endpoint(**fields) for fields in json.loads(text)))


def _endpoint(
    *,
    key: str,
    tier: str,
    model: str,
    cache_ttl: float,
    prices: dict[str, Any] | None,
) -> Endpoint:
    known = None
    if prices is not None:
        long = prices.pop("long_context", None)
        dear = None if long is None else LongContextPrices(**long)
        known = Prices(**prices, long_context=dear)
    return Endpoint(
        key=key,
        tier=Tier.parse(tier),
        model=model,
        cache_ttl=cache_ttl,
        cache_id=key,
        prices=known,
    )
