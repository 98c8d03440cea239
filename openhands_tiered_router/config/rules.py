"""The rules of decisions, as the configuration has them."""

from __future__ import annotations

from typing import Any

from openhands_tiered_router.config.schema import RouterConfig
from openhands_tiered_router.config.settings import fitted_of
from openhands_tiered_router.policy.engine import Rule
from openhands_tiered_router.policy.fitted import models_of
from openhands_tiered_router.policy.rules import standard_rules


def rules_of(config: RouterConfig, **given: Any) -> tuple[Rule, ...]:
    """What a router decides by: fitted models, caching.

    Args:
        config: The configuration.
        given: Arguments of ``standard_rules`` that override it.

    Raises:
        ConfigError: The file named as ``fitted`` cannot be used.
    """
    own = {
        **models_of(fitted_of(config)),
        "one_hour": config.cache.one_hour,
    }
    return standard_rules(**own | given)
