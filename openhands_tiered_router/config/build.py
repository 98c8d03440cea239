"""From the configuration to the SDK's ``LLM`` objects."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from openhands_tiered_router.config.billing import Billing, plan_billing
from openhands_tiered_router.config.endpoint import EndpointConfig
from openhands_tiered_router.config.errors import ConfigError, Problem
from openhands_tiered_router.config.keys import key_for
from openhands_tiered_router.config.problems import did_you_mean, explain, render_path
from openhands_tiered_router.config.profiles import profile_dir, profile_secret
from openhands_tiered_router.config.resolve import Target, resolve_targets, tier_set
from openhands_tiered_router.config.schema import RouterConfig
from openhands_tiered_router.policy.economics.price_book import (
    PriceBook,
    default_price_book,
)
from openhands_tiered_router.redaction import shown


if TYPE_CHECKING:
    from openhands.sdk.llm import LLM


__all__ = ["build_llms", "tier_set"]


def build_llms(
    config: RouterConfig,
    environ: Mapping[str, str] | None = None,
    book: PriceBook | None = None,
    only: Collection[str] | None = None,
) -> dict[str, LLM]:
    """An ``LLM`` for each endpoint, by its key; the key is its ``usage_id`` too.

    Keys are read from ``environ`` (the process's own if ``None``). ``only`` names the
    endpoints to build, by their keys; all of them if ``None``. Prices that
    differ from litellm's table are registered with litellm, for the whole process.
    Imports the SDK, which takes seconds; makes no call.

    Raises:
        ConfigError: A key is missing, a value does not suit the SDK, or prices
            cannot be counted exactly; lists every problem at once.
    """
    environ = os.environ if environ is None else environ
    book = book or default_price_book()
    targets = resolve_targets(config, environ)
    billing = plan_billing(config, tier_set(config, book, environ), book)
    import litellm

    problems = list(billing.problems)
    if billing.rows and not problems:
        litellm.register_model({name: dict(row) for name, row in billing.rows.items()})
    llms: dict[str, LLM] = {}
    for key, endpoint in config.endpoints().items():
        if only is not None and key not in only:
            continue
        try:
            fields = _fields(config, key, endpoint, targets[key], environ, book)
            fields |= _own_prices(billing, key)
            llms[key] = _llm(config, key, endpoint, fields, environ)
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems)
    return llms


def _fields(
    config: RouterConfig,
    key: str,
    endpoint: EndpointConfig,
    target: Target,
    environ: Mapping[str, str],
    book: PriceBook,
) -> dict[str, Any]:
    found = key_for(endpoint, target, environ, book)
    if found.missing:
        assert found.variable is not None
        raise ConfigError([missing_key(config, key, found.variable)])
    stated = {
        "max_input_tokens": endpoint.max_input_tokens,
        "base_url": endpoint.base_url,
        "api_key": found.value,
    }
    return {
        "usage_id": key,
        "timeout": config.dispatch.attempt_timeout,
        **{name: value for name, value in stated.items() if value is not None},
        **endpoint.llm,
        **_vision(endpoint, target),
    }


def missing_key(config: RouterConfig, key: str, variable: str) -> Problem:
    """The problem of an endpoint whose key is in no environment variable."""
    return config.problem(
        key,
        f"needs the environment variable {variable}, which is not set",
        f"Set {variable}, or name another variable in api_key_env",
        "api_key_env",
    )


def _vision(endpoint: EndpointConfig, target: Target) -> dict[str, Any]:
    if endpoint.vision is None:
        return {}
    overrides = target.llm.get("capability_overrides")
    known = overrides if isinstance(overrides, dict) else {}
    return {
        "disable_vision": not endpoint.vision,
        "capability_overrides": {**known, "supports_vision": endpoint.vision},
    }


def _own_prices(billing: Billing, key: str) -> dict[str, Any]:
    prices = billing.on_llm.get(key)
    return {
        "input_cost_per_token": prices and prices.input,
        "output_cost_per_token": prices and prices.output,
    }


def _llm(
    config: RouterConfig,
    key: str,
    endpoint: EndpointConfig,
    fields: dict[str, Any],
    environ: Mapping[str, str],
) -> LLM:
    from openhands.sdk.llm import LLM

    unknown = fields.keys() - LLM.model_fields.keys()
    if unknown:
        raise ConfigError(
            config.problem(
                key, "is not a field of the SDK", did_you_mean(n, LLM.model_fields), n
            )
            for n in sorted(unknown)
        )
    try:
        if endpoint.profile is None:
            return LLM(model=endpoint.model or "", **fields)
        return _from_profile(endpoint.profile, fields, environ)
    except ValidationError as error:
        details = error.errors(include_url=False)
        raise ConfigError(
            config.problem(key, *explain(d), render_path(d["loc"])) for d in details
        ) from None
    except Exception as error:  # the SDK's checks raise types of their own
        reason = shown(str(error).partition("\n")[0], length=200)
        remedy = "Correct what the SDK names"
        problem = config.problem(key, f"is refused by the SDK: {reason}", remedy)
        raise ConfigError([problem]) from None


def _from_profile(name: str, fields: dict[str, Any], environ: Mapping[str, str]) -> LLM:
    from openhands.sdk.llm import LLMProfileStore
    from openhands.sdk.utils.cipher import Cipher

    secret = profile_secret(environ)
    cipher = Cipher(secret) if secret else None
    stored = LLMProfileStore(profile_dir(environ)).load(name, cipher=cipher)
    llm = stored.model_copy(update=fields)
    llm.reset_metrics()  # a copy keeps counting with the original's prices
    return llm
