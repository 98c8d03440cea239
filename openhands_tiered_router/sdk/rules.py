"""The rules of one router: the given ones, with its own settings and fitted models."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from openhands_tiered_router.policy.engine import Rule
from openhands_tiered_router.policy.fitted import fitted_rules, load_fitted
from openhands_tiered_router.policy.rules import adapted
from openhands_tiered_router.settings import RouterSettings


logger = logging.getLogger(__name__)


def own_rules(rules: Sequence[Rule], settings: RouterSettings) -> tuple[Rule, ...]:
    """The rules with what the settings say of exploration, caching, fitted models."""
    own = _with_fitted(rules, settings.fitted)
    return adapted(own, settings.explore, settings.cache.one_hour)


def _with_fitted(rules: Sequence[Rule], path: str | None) -> Sequence[Rule]:
    """With the user's own models; the package's if those have gone."""
    if path is None:
        return rules
    try:
        return fitted_rules(rules, load_fitted(Path(path)))
    except Exception as error:
        name = type(error).__name__
        logger.error("fitted models not used: %s; the package's serve", name)
        return rules
