"""The engine's and the dispatcher's settings, as the configuration gives them."""

from __future__ import annotations

from dataclasses import replace

from openhands_tiered_router.config.schema import RouterConfig
from openhands_tiered_router.core.policy import Policy
from openhands_tiered_router.dispatch.settings import DispatchSettings
from openhands_tiered_router.economics.cache_model import LOOK_BACK


def policy_of(config: RouterConfig) -> Policy:
    """How decisions are made: ``default_tier`` and ``[policy]``.

    Without breakpoints of our own, providers find no prefix beyond their look-back.
    """
    policy = config.policy.to_policy(config.default_tier)
    if policy.cache_look_back is None and not config.cache.breakpoints:
        return replace(policy, cache_look_back=LOOK_BACK)
    return policy


def dispatch_of(config: RouterConfig) -> DispatchSettings:
    """How patiently calls are tried: ``[dispatch]`` and ``[breaker]``."""
    breaker = config.breaker.to_breaker(config.dispatch.attempt_timeout)
    return DispatchSettings(**dict(config.dispatch), breaker=breaker)
