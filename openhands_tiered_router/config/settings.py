"""The engine's and the dispatcher's settings, as the configuration gives them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openhands_tiered_router.calls.settings import DispatchSettings
from openhands_tiered_router.config.errors import ConfigError, Problem
from openhands_tiered_router.config.schema import RouterConfig
from openhands_tiered_router.policy.economics.cache_model import LOOK_BACK
from openhands_tiered_router.policy.policy import Policy, policy_from


if TYPE_CHECKING:
    from openhands_tiered_router.policy.fitted import Fitted


def policy_of(config: RouterConfig) -> Policy:
    """How decisions are made: ``default_tier`` and ``[policy]``.

    Without breakpoints of our own, providers find no prefix beyond their look-back.

    Raises:
        ConfigError: The file named as ``fitted`` cannot be used.
    """
    policy = config.policy.to_policy(config.default_tier)
    if config.verify.enabled:
        rates = config.verify
        policy = replace(policy, catch_rate=rates.catch_rate, pass_rate=rates.pass_rate)
    if fitted := fitted_of(config):
        policy = policy_from(_not_set(config, fitted.policy), policy)
    if policy.cache_look_back is None and not config.cache.breakpoints:
        return replace(policy, cache_look_back=LOOK_BACK)
    return policy


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
        raise ConfigError(
            [
                Problem(
                    source=config.source,
                    path="policy.fitted",
                    message=f"cannot be used: {error}",
                    remedy="Correct the file, or remove the key",
                )
            ]
        ) from None


def _not_set(config: RouterConfig, fitted: Mapping[str, Any]) -> dict[str, Any]:
    """The fitted settings that the configuration does not give itself."""
    given = set(config.policy.model_fields_set)
    if "profile" in given:
        given.add("economy")
    return {name: value for name, value in fitted.items() if name not in given}


def dispatch_of(config: RouterConfig) -> DispatchSettings:
    """How patiently calls are tried: ``[dispatch]`` and ``[breaker]``."""
    breaker = config.breaker.to_breaker(config.dispatch.attempt_timeout)
    return DispatchSettings(**dict(config.dispatch), breaker=breaker)
