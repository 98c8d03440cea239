"""How long prompts should be cached, where the provider sells a choice."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Annotated, Final

from pydantic import BeforeValidator

from openhands_tiered_router.fields import Section
from openhands_tiered_router.policy.engine import Draft
from openhands_tiered_router.policy.request import Purpose
from openhands_tiered_router.tiers import Endpoint, TierSet


HOUR: Final = 3_600.0
"""Seconds of Anthropic's longer lifetime, ``"ttl": "1h"``."""


class OneHour(StrEnum):
    """What to do about the one-hour cache when turns are slow."""

    OFF = "off"
    RECOMMEND = "recommend"
    """Say so in the decision; send nothing."""
    AUTO = "auto"
    """Ask the provider for it, and weigh tiers at its price and lifetime."""


def _off(value: object) -> object:
    # YAML 1.1 reads a bare ``off`` as false.
    return OneHour.OFF if value is False else value


class CacheSettings(Section):
    """How prompts are marked for providers' caches; the configuration's ``[cache]``."""

    breakpoints: bool = True
    """Mark where each endpoint's last prompt ended, so that a tier left for a few
    turns is still warm on return. Only for models that want marks (Claude)."""
    one_hour: Annotated[OneHour, BeforeValidator(_off)] = OneHour.RECOMMEND
    """The one-hour cache when turns are slow: off, recommend (said in the decision,
    not sent) or auto (sent; writes cost 2 x the input price instead of 1.25 x)."""


@dataclass(frozen=True, slots=True)
class CacheLifetime:
    """Wants prompts cached for an hour where turns are slow and that is sold."""

    mode: OneHour = OneHour.RECOMMEND

    def __call__(self, draft: Draft) -> Draft:
        pace = draft.session.pace.mean_seconds
        if (
            self.mode is OneHour.OFF
            or draft.request.purpose is not Purpose.TURN
            or pace < draft.policy.slow_turn
            or not any(map(sells_hour, draft.tiers.endpoints))
        ):
            return draft
        if self.mode is OneHour.AUTO:
            endpoints = tuple(map(for_an_hour, draft.tiers.endpoints))
            tiers = TierSet(endpoints, draft.tiers.max_complexity)
            draft = replace(draft, tiers=tiers, cache_ttl=HOUR)
        return draft.because("cache", f"turns take {pace:.0f} s: cache for an hour")


def sells_hour(endpoint: Endpoint) -> bool:
    """Whether the endpoint's provider sells the one-hour cache, at a known price."""
    return endpoint.prices is not None and endpoint.prices.cache_write_1h is not None


def for_an_hour(endpoint: Endpoint) -> Endpoint:
    """The endpoint with the hour's lifetime and write price, if it sells that."""
    prices = endpoint.prices
    if prices is None or prices.cache_write_1h is None:
        return endpoint
    long = prices.long_context
    if long is not None and prices.cache_write > 0:
        # No list gives this price by name; Anthropic's ratio holds for long prompts.
        write = long.cache_write * prices.cache_write_1h / prices.cache_write
        long = replace(long, cache_write=write)
    dearer = replace(prices, cache_write=prices.cache_write_1h, long_context=long)
    return replace(endpoint, prices=dearer, cache_ttl=HOUR)
