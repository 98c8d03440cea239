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
    """Equal for equal endpoints; fields without a value are left out."""
    return _encoded(tiers.endpoints)


def decode_tier_set(text: str) -> TierSet:
    """What ``encode_tier_set`` wrote. Limits, and what providers call addresses, are
    not on record: an endpoint's ``cache_id`` is its key.

    Raises:
        ValueError, TypeError, KeyError: It is something else.
    """
    return TierSet(tuple(_endpoint(**fields) for fields in json.loads(text)))


# By the endpoints, which are few: the writer meets the same ones in each record.
@lru_cache(64)
def _encoded(endpoints: tuple[Endpoint, ...]) -> str:
    kept = [_kept(e) for e in endpoints]
    return json.dumps(kept, separators=(",", ":"), ensure_ascii=False)


def _kept(endpoint: Endpoint) -> dict[str, Any]:
    # Here, because who only reads need not wait for its patterns.
    from openhands_tiered_router.record.telemetry import clean

    prices = endpoint.prices
    return {
        "key": clean.name(endpoint.key),
        "tier": str(endpoint.tier),
        "model": clean.name(endpoint.model),
        "cache_ttl": endpoint.cache_ttl,
    } | ({} if prices is None else {"prices": _known(asdict(prices))})


def _known(fields: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in fields.items() if v is not None}


def _endpoint(
    *,
    key: str,
    tier: str,
    model: str,
    cache_ttl: float,
    prices: dict[str, Any] | None = None,
) -> Endpoint:
    return Endpoint(
        key=key,
        tier=Tier.parse(tier),
        model=model,
        cache_ttl=cache_ttl,
        cache_id=key,
        prices=None if prices is None else _prices(**prices),
    )


def _prices(*, long_context: dict[str, Any] | None = None, **prices: Any) -> Prices:
    long = None if long_context is None else LongContextPrices(**long_context)
    return Prices(**prices, long_context=long)
