"""What a client that knows one model, one address and one key is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from openhands_tiered_router.config import EndpointConfig, RouterConfig
from openhands_tiered_router.config.keys import key_for
from openhands_tiered_router.config.resolve import resolve_targets, tier_set
from openhands_tiered_router.gateway.call import MODEL
from openhands_tiered_router.gateway.settings import KEY
from openhands_tiered_router.policy.economics.price_book import (
    PriceBook,
    default_price_book,
)
from openhands_tiered_router.redaction import is_secret_name, looks_secret


GATEWAY: Final = "http://127.0.0.1:4100"
"""Where ``tiered-router serve`` listens by default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """One model for a client, and where its key is."""

    model: str
    """For litellm, with the provider in front."""
    base_url: str | None
    key_variable: str | None
    """Environment variable that holds the key; ``None``: litellm finds it, or none is
    needed."""
    max_input_tokens: int | None
    """Context window, tokens."""
    notes: tuple[str, ...] = ()
    """What whoever uses it must know."""
    fields: Mapping[str, Any] = field(default_factory=dict)
    """Further fields of the SDK's ``LLM``, without secrets."""


def through_gateway(
    config: RouterConfig,
    environ: Mapping[str, str],
    *,
    address: str = GATEWAY,
    tier: str | None = None,
    book: PriceBook | None = None,
) -> Client:
    """The router behind ``tiered-router serve``: all tiers, or one of them.

    Raises:
        ConfigError: A profile cannot be read.
    """
    endpoints = tier_set(config, book or default_price_book(), environ).endpoints
    windows = [
        endpoint.max_input_tokens
        for endpoint in endpoints
        if endpoint.max_input_tokens and tier in (None, str(endpoint.tier))
    ]
    return Client(
        model=f"openai/{MODEL}" + (f"/{tier}" if tier else ""),
        base_url=f"{address.rstrip('/')}/v1",
        key_variable=KEY,
        max_input_tokens=max(windows, default=None),
        notes=(
            f"{f'The tier {tier}' if tier else 'All tiers'}, through the gateway: "
            f"tiered-router serve, with {KEY} set to the same key there and here.",
            "Budgets, failover and the record are the gateway's. Lost: loop guard, "
            "verification and confirmation, which need the router in the agent.",
        ),
    )


def direct(
    config: RouterConfig,
    environ: Mapping[str, str],
    key: str | None = None,
    book: PriceBook | None = None,
) -> Client:
    """One endpoint without the router: by its key, else the default tier's first.

    Raises:
        ConfigError: A profile cannot be read.
    """
    book = book or default_price_book()
    tiers = tier_set(config, book, environ)
    serving = tiers.serving(config.default_tier)
    chosen = key or next(e.key for e in tiers.endpoints if e.tier == serving)
    endpoint = next(e for e in tiers.endpoints if e.key == chosen)
    table = config.endpoints()[chosen]
    target = resolve_targets(config, environ)[chosen]
    found = key_for(table, target, environ, book)
    notes = [
        f"No routing: this is one model, of the tier {endpoint.tier}.",
        "Lost: the other tiers and endpoints, budgets, guards, and the record.",
    ]
    if table.api_key is not None:
        notes.append("Its key is in the configuration, and is not written here.")
    address = target.base_url
    if address is not None and looks_secret(address):
        address = None
        notes.append("Its address holds a password, and is not written here.")
    kept = {name: value for name, value in target.llm.items() if _harmless(name, value)}
    return Client(
        model=target.model,
        base_url=address,
        key_variable=found.variable,
        max_input_tokens=endpoint.max_input_tokens,
        notes=tuple(notes),
        fields={**kept, **_prices(table)},
    )


def _harmless(name: str, value: Any) -> bool:
    """Whether neither the name nor anything below it looks like a secret."""
    if is_secret_name(name):
        return False
    if isinstance(value, Mapping):
        return all(_harmless(str(key), each) for key, each in value.items())
    if isinstance(value, list | tuple):
        return all(_harmless("", each) for each in value)
    return not looks_secret(str(value))


def _prices(table: EndpointConfig) -> dict[str, float]:
    known = {
        "input_cost_per_token": table.input_cost_per_token,
        "output_cost_per_token": table.output_cost_per_token,
    }
    return {name: price for name, price in known.items() if price is not None}
