"""LiteLLM's configuration for the endpoints of the router's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from openhands_tiered_router.config import ConfigError, RouterConfig
from openhands_tiered_router.config.build import missing_key
from openhands_tiered_router.config.keys import Key, key_for
from openhands_tiered_router.config.resolve import Target, resolve_targets, tier_set
from openhands_tiered_router.gateway.call import MODEL
from openhands_tiered_router.gateway.settings import KEY
from openhands_tiered_router.policy.economics.price_book import (
    PriceBook,
    default_price_book,
)
from openhands_tiered_router.tiers import Prices


HOOK: Final = "openhands_tiered_router.gateway.hook.gateway"
AUTH: Final = "openhands_tiered_router.gateway.auth.check"
OWN_VARIABLE: Final = "TIERED_ROUTER_ENDPOINT_KEY_"
"""Begin of the variables for keys that stand in a file rather than in one."""
_SENT: Final = frozenset(
    {
        "api_version", "aws_access_key_id", "aws_profile_name", "aws_region_name",
        "aws_role_name", "aws_secret_access_key", "aws_session_name", "extra_headers",
        "reasoning_effort", "seed", "temperature", "timeout", "top_k", "top_p",
    }
)  # fmt: skip
"""Fields of the SDK's ``LLM`` that are sent, and that LiteLLM knows by that name."""


@dataclass(frozen=True, slots=True)
class ProxyConfig:
    """What LiteLLM is started with."""

    settings: dict[str, Any]
    """Its configuration file; holds names of variables, no key."""
    variables: dict[str, str]
    """Variables to set for it: keys that no variable holds yet. Secret."""
    budgeted: bool = False
    """Whether the router's configuration has budgets."""


def proxy_config(
    config: RouterConfig,
    environ: Mapping[str, str],
    book: PriceBook | None = None,
    *,
    litellm_keys: bool = False,
) -> ProxyConfig:
    """The models of the gateway: the routed name, and one name an endpoint.

    The routed name stands for the default tier, should the hook not be there.

    Args:
        config: The router's.
        environ: Where keys and profiles are looked for.
        book: Prices; litellm's table if ``None``.
        litellm_keys: Clients' keys are checked by LiteLLM: its master key, and the
            virtual keys in its database.

    Raises:
        ConfigError: A profile cannot be read, or a key is missing.
    """
    book = book or default_price_book()
    tiers = tier_set(config, book, environ)
    targets = resolve_targets(config, environ)
    keys = _keys(config, targets, environ, book)
    variables: dict[str, str] = {}
    deployments = {
        e.key: {
            "model": e.model,
            "timeout": config.dispatch.attempt_timeout,
            "max_retries": 0,
            **_sent(targets[e.key]),
            **_key(keys[e.key], targets[e.key], variables),
            **(_prices(e.prices) if e.prices != book.prices(e.model) else {}),
        }
        for e in tiers.endpoints
    }
    serving = tiers.serving(config.default_tier)
    default = next(e.key for e in tiers.endpoints if e.tier == serving)
    named = {MODEL: deployments[default]}
    named |= {f"{MODEL}/{key}": fields for key, fields in deployments.items()}
    settings = {
        "model_list": [
            {"model_name": name, "litellm_params": fields}
            for name, fields in named.items()
        ],
        "litellm_settings": {
            "callbacks": [HOOK],
            # A client knows one model; what another cannot take is left out.
            "drop_params": True,
            "modify_params": True,
            "turn_off_message_logging": True,
            "include_cost_in_streaming_usage": True,
        },
        # Breakers and the order of attempts are the hook's.
        "router_settings": {"num_retries": 0, "disable_cooldowns": True},
        "general_settings": {"master_key": f"os.environ/{KEY}"}
        if litellm_keys
        else {"custom_auth": AUTH},
    }
    return ProxyConfig(settings, variables, bool(config.budgets))


def _keys(
    config: RouterConfig,
    targets: Mapping[str, Target],
    environ: Mapping[str, str],
    book: PriceBook,
) -> dict[str, Key]:
    keys = {
        name: key_for(table, targets[name], environ, book)
        for name, table in config.endpoints().items()
    }
    missing = {n: k.variable for n, k in keys.items() if k.missing and k.variable}
    if missing:
        raise ConfigError(missing_key(config, n, v) for n, v in missing.items())
    return keys


def _sent(target: Target) -> dict[str, Any]:
    sent = {k: v for k, v in target.llm.items() if k in _SENT and v is not None}
    return sent | ({"api_base": target.base_url} if target.base_url else {})


def _key(key: Key, target: Target, variables: dict[str, str]) -> dict[str, str]:
    stored = target.llm.get("api_key")
    value = key.value or (stored if isinstance(stored, str) else None)
    if key.variable is None and value is None:
        return {}
    variable = key.variable or f"{OWN_VARIABLE}{len(variables) + 1}"
    if key.variable is None and value is not None:
        variables[variable] = value
    return {"api_key": f"os.environ/{variable}"}


def _prices(prices: Prices | None) -> dict[str, float]:
    """In LiteLLM's names, USD per token."""
    if prices is None:
        return {}
    known = {
        "input_cost_per_token": prices.input,
        "output_cost_per_token": prices.output,
        "cache_read_input_token_cost": prices.cache_read,
        "cache_creation_input_token_cost": prices.cache_write,
        "cache_creation_input_token_cost_above_1hr": prices.cache_write_1h,
    }
    return {name: price for name, price in known.items() if price is not None}
