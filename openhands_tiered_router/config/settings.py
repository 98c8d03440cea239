"""What routers, gateways and replays take of a configuration."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openhands_tiered_router.config.errors import ConfigError, Problem
from openhands_tiered_router.config.resolve import tier_set
from openhands_tiered_router.config.schema import RouterConfig
from openhands_tiered_router.policy.economics.costs import LOOK_BACK
from openhands_tiered_router.policy.policy import Policy
from openhands_tiered_router.settings import RouterSettings, Sections


if TYPE_CHECKING:
    from openhands_tiered_router.policy.engine import Rule
    from openhands_tiered_router.policy.fitted import Fitted


def settings_of(config: RouterConfig) -> RouterSettings:
    """All that the configuration says beside the models.

    Raises:
        ConfigError: The file named as ``fitted``, or a profile, cannot be used.
    """
    tiers, file = tier_set(config), file_of(config)
    shared = {name: getattr(config, name) for name in Sections.model_fields}
    return RouterSettings(
        **shared
        | {
            "policy": policy_of(config),
            "endpoints": tiers.endpoints,
            "max_complexity": dict(tiers.max_complexity),
            "config_file": str(file) if file else None,
            "key_variables": {
                key: endpoint.api_key_env
                for key, endpoint in config.endpoints().items()
                if endpoint.api_key_env
            },
        }
    )


def policy_of(config: RouterConfig) -> Policy:
    """How decisions are made: ``default_tier`` and ``[policy]``, with the path of the
    fitted file made absolute.

    Without breakpoints of our own, providers find no prefix beyond their look-back.

    Raises:
        ConfigError: The file named as ``fitted`` cannot be used.
    """
    path = fitted_path(config)
    fitted_of(config)  # refuses a file that cannot be used
    own = {
        name: getattr(config.policy, name) for name in config.policy.model_fields_set
    }
    if own.get("cache_look_back") is None and not config.cache.breakpoints:
        own["cache_look_back"] = LOOK_BACK
    if config.verify.enabled:
        own["catch_rate"] = config.verify.catch_rate
        own["pass_rate"] = config.verify.pass_rate
    own |= {"base_tier": config.default_tier, "fitted": str(path) if path else None}
    return Policy().model_copy(update=own)


def rules_of(config: RouterConfig, **given: Any) -> tuple[Rule, ...]:
    """What a router decides by: fitted models, caching.

    Args:
        config: The configuration.
        given: Arguments of ``standard_rules`` that override it.

    Raises:
        ConfigError: The file named as ``fitted`` cannot be used.
    """
    from openhands_tiered_router.policy.fitted import models_of
    from openhands_tiered_router.policy.rules import standard_rules

    own = {**models_of(fitted_of(config)), "one_hour": config.cache.one_hour}
    return standard_rules(**own | given)


def file_of(config: RouterConfig) -> Path | None:
    """The file that it was read from; ``None``: it came from elsewhere."""
    path = Path(config.source)
    return path.absolute() if path.is_file() else None


def fitted_path(config: RouterConfig) -> Path | None:
    """The file named as ``fitted``, seen from the configuration's own."""
    name = config.policy.fitted
    if name is None:
        return None
    own = file_of(config)
    base = own.parent if own else Path()
    # ``Path.expanduser`` raises where there is no such user.
    return (base / os.path.expanduser(name)).absolute()


def fitted_of(config: RouterConfig) -> Fitted | None:
    """What was fitted to the user's data, if the configuration names it.

    Raises:
        ConfigError: The file cannot be used.
    """
    path = fitted_path(config)
    if path is None:
        return None
    # The rules come with it: a tenth of a second that few configurations need.
    from openhands_tiered_router.policy.fitted import FittedError, load_fitted

    try:
        return load_fitted(path)
    except FittedError as error:
        problem = Problem(
            source=config.source,
            path="policy.fitted",
            message=f"cannot be used: {error}",
            remedy="Correct the file, or remove the key",
        )
        raise ConfigError([problem]) from None
