"""A configuration as the two things that a router is made of."""

from __future__ import annotations

from collections.abc import Mapping

from openhands.sdk.llm import LLM

from openhands_tiered_router.config import (
    RouterConfig,
    build_llms,
    dispatch_of,
    policy_of,
    tier_set,
)
from openhands_tiered_router.settings import RouterSettings


def models_of(
    config: RouterConfig, environ: Mapping[str, str] | None = None
) -> dict[str, LLM]:
    """An ``LLM`` for each endpoint, by its key.

    Raises:
        ConfigError: A key is missing or a value does not suit the SDK.
    """
    return build_llms(config, environ)


def settings_of(config: RouterConfig) -> RouterSettings:
    """All that the configuration says beside the models."""
    tiers = tier_set(config)
    telemetry = config.telemetry
    return RouterSettings(
        endpoints=tiers.endpoints,
        max_complexity=dict(tiers.max_complexity),
        policy=policy_of(config),
        dispatch=dispatch_of(config),
        telemetry=telemetry.enabled,
        telemetry_path=telemetry.path,
        telemetry_queue=telemetry.queue_size,
        graph=config.graph.enabled,
        key_variables={
            key: endpoint.api_key_env
            for key, endpoint in config.endpoints().items()
            if endpoint.api_key_env
        },
    )
