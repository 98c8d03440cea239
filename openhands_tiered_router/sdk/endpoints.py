"""What the engine needs to know of an SDK ``LLM``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

from openhands.sdk.llm import LLM

from openhands_tiered_router.policy.economics.price_book import default_price_book
from openhands_tiered_router.policy.economics.providers import cache_terms, with_hour
from openhands_tiered_router.record.telemetry.verdicts import moved_by_verdicts
from openhands_tiered_router.settings import RouterSettings
from openhands_tiered_router.tiers import Endpoint, Prices, Tier, TierSet


_SALT: Final = os.urandom(16)


def tier_set(llms: Mapping[str, LLM], settings: RouterSettings) -> TierSet:
    """The engine's view of the models: as configured, else read off the ``LLM``."""
    known = {e.key: e for e in settings.endpoints}
    endpoints = tuple(
        known.get(key) or endpoint_of(key, llm)
        for key, llm in llms.items()
        if key not in settings.retired
    )
    return TierSet(endpoints, settings.max_complexity)


def with_verdicts(settings: RouterSettings) -> RouterSettings:
    """The settings with the verdicts that telemetry has; see ``moved_by_verdicts``."""
    endpoints = moved_by_verdicts(settings.endpoints, settings.telemetry)
    return settings.model_copy(update={"endpoints": endpoints})


def endpoint_of(key: str, llm: LLM) -> Endpoint:
    """An ``LLM`` that came without configuration, as an endpoint."""
    prices = _prices(llm)
    return Endpoint(
        key=key,
        tier=Tier.of(key),
        model=llm.model,
        prices=prices and with_hour(prices, llm.model),
        max_input_tokens=llm.effective_max_input_tokens,
        vision=llm.vision_is_active(),
        cache_ttl=cache_terms(llm.model, llm.prompt_cache_retention).seconds,
        cache_id=cache_id(llm),
    )


def cache_id(llm: LLM) -> str:
    """Names a model at an address for an account: one prompt cache, one health.

    Two keys have limits and credit of their own. Of a key only a hash is kept, which
    differs in each process.
    """
    account = hash((_SALT, llm._get_api_key_value())) if llm.api_key else 0
    return f"{llm.model}@{llm.base_url or ''}#{account & 0xFFFF_FFFF:08x}"


def _prices(llm: LLM) -> Prices | None:
    """The LLM's own prices, as the SDK books them, else those of litellm's table."""
    entry, output = llm.input_cost_per_token, llm.output_cost_per_token
    if entry is None or output is None:
        return default_price_book().prices(llm.model_canonical_name or llm.model)
    return Prices(input=entry, output=output, cache_read=entry, cache_write=entry)
