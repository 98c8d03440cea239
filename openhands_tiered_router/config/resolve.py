"""From the configuration to the endpoints that the engine decides between."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from openhands_tiered_router.config.endpoint import EndpointConfig
from openhands_tiered_router.config.errors import ConfigError, Problem
from openhands_tiered_router.config.profiles import profile_dir, read_profile
from openhands_tiered_router.config.schema import RouterConfig
from openhands_tiered_router.policy.economics.price_book import (
    PriceBook,
    default_price_book,
)
from openhands_tiered_router.policy.economics.providers import (
    SDK_RETENTION,
    cache_terms,
    with_hour,
)
from openhands_tiered_router.tiers import Endpoint, Prices, Tier, TierSet


@dataclass(frozen=True, slots=True)
class Target:
    """What an endpoint's table or profile leads to."""

    model: str
    base_url: str | None
    llm: Mapping[str, Any]
    """Fields of the SDK's ``LLM`` that are set for it."""


def tier_set(
    config: RouterConfig,
    book: PriceBook | None = None,
    environ: Mapping[str, str] | None = None,
) -> TierSet:
    """The endpoints of ``config`` as data for the engine; imports no SDK.

    Prices, window and abilities come from the configuration, else from the profile,
    else from ``book`` (litellm's table), else they are unknown. ``environ`` says
    where profiles are kept.

    Raises:
        ConfigError: A profile that is named cannot be read.
    """
    book = book or default_price_book()
    targets = resolve_targets(config, environ)
    return TierSet(
        endpoints=tuple(
            _endpoint(key, endpoint, targets[key], book)
            for key, endpoint in config.endpoints().items()
        ),
        max_complexity=config.tiers.max_complexity(),
    )


def resolve_targets(
    config: RouterConfig, environ: Mapping[str, str] | None = None
) -> dict[str, Target]:
    """Model and address behind each endpoint key, with profiles followed.

    Raises:
        ConfigError: A profile that is named cannot be read; lists all of them.
    """
    targets: dict[str, Target] = {}
    problems: list[Problem] = []
    for key, endpoint in config.endpoints().items():
        try:
            targets[key] = _target(endpoint, environ)
        except ValueError as error:
            remedy = "Save it with the SDK's LLMProfileStore, or correct the name"
            problems.append(config.problem(key, str(error), remedy, "profile"))
    if problems:
        raise ConfigError(problems)
    return targets


def _target(endpoint: EndpointConfig, environ: Mapping[str, str] | None) -> Target:
    if endpoint.profile is None:
        assert endpoint.model is not None
        return Target(endpoint.model, endpoint.base_url, endpoint.llm)
    fields = read_profile(endpoint.profile, profile_dir(environ))
    return Target(fields["model"], fields.get("base_url"), fields)


def _endpoint(
    key: str, config: EndpointConfig, target: Target, book: PriceBook
) -> Endpoint:
    info = book.info(target.model)
    window = config.max_input_tokens or _whole(target.llm.get("max_input_tokens"))
    prices = config.prices() or _profile_prices(target) or (info and info.prices)
    return Endpoint(
        key=key,
        tier=Tier.parse(key.partition("/")[0]),
        model=target.model,
        weight=config.weight,
        prices=prices and with_hour(prices, target.model),
        max_input_tokens=window or (info and info.max_input_tokens),
        vision=_sees(config, target, bool(info and info.vision)),
        tools=_calls_tools(config, target, info.tools if info else None),
        cache_ttl=_lifetime(config, target),
        cache_id=_cache_id(config, target),
        limits=config.limits(),
        success=config.success,
        task_usd=config.task_usd,
    )


def _sees(config: EndpointConfig, target: Target, listed: bool) -> bool:
    if config.vision is not None:
        return config.vision
    if target.llm.get("disable_vision"):
        return False
    overrides = target.llm.get("capability_overrides")
    stated = overrides.get("supports_vision") if isinstance(overrides, dict) else None
    return listed if stated is None else bool(stated)


def _calls_tools(config: EndpointConfig, target: Target, listed: bool | None) -> bool:
    if config.tools is not None:
        return config.tools
    if target.llm.get("native_tool_calling") is False:
        return True  # the SDK then describes the tools in the prompt: any model can
    return listed is not False


def _profile_prices(target: Target) -> Prices | None:
    entry = target.llm.get("input_cost_per_token")
    output = target.llm.get("output_cost_per_token")
    if not isinstance(entry, int | float) or not isinstance(output, int | float):
        return None
    return Prices(input=entry, output=output, cache_read=entry, cache_write=entry)


def _cache_id(config: EndpointConfig, target: Target) -> str:
    """Providers keep caches apart by model and account."""
    account = config.api_key_env or config.profile or ""
    return "|".join((target.model, target.base_url or "", account))


def _lifetime(config: EndpointConfig, target: Target) -> float:
    """Seconds that the provider keeps a prefix: the user's figure, else its own."""
    if config.cache_ttl is not None:
        return config.cache_ttl
    retention = target.llm.get("prompt_cache_retention", SDK_RETENTION)
    return cache_terms(target.model, retention).seconds


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and value > 0 else None
