"""The rules of decisions, as the configuration has them."""

from __future__ import annotations

from openhands_tiered_router.config.schema import RouterConfig
from openhands_tiered_router.config.settings import fitted_of
from openhands_tiered_router.policy.engine import Rule
from openhands_tiered_router.policy.fitted import fitted_rules
from openhands_tiered_router.policy.rules import RULES, adapted


def rules_of(config: RouterConfig) -> tuple[Rule, ...]:
    """What a router decides by: fitted models, exploring, caching.

    Raises:
        ConfigError: The file named as ``fitted`` cannot be used.
    """
    fitted = fitted_of(config)
    own = RULES if fitted is None else fitted_rules(RULES, fitted)
    return adapted(own, config.explore.to_exploration(), config.cache.one_hour)
