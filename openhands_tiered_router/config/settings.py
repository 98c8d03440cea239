"""The engine's and the dispatcher's settings, as the configuration gives them."""

from __future__ import annotations

from openhands_tiered_router.config.schema import RouterConfig
from openhands_tiered_router.core.policy import Policy
from openhands_tiered_router.dispatch.settings import DispatchSettings
from openhands_tiered_router.health.breaker import BreakerSettings


def policy_of(config: RouterConfig) -> Policy:
    """How decisions are made: ``default_tier`` and ``[policy]``."""
    return config.policy.to_policy(config.default_tier)


def dispatch_of(config: RouterConfig) -> DispatchSettings:
    """How patiently calls are tried: ``[dispatch]``."""
    fields = dict(config.dispatch)
    breaker = BreakerSettings(cooldown=fields.pop("cooldown"))
    return DispatchSettings(**fields, breaker=breaker)
