"""From a tool's params to a configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from openhands_tiered_router.config import (
    ConfigError,
    Problem,
    RouterConfig,
    open_config,
    parse_config,
)


SOURCE: Final = "params of the tool complexity_router"


def config_of(params: Mapping[str, Any]) -> RouterConfig:
    """The configuration that the params name or are.

    ``{}``: the one that holds where the server runs, as docs/configuration.md says.
    ``{"config": path}``: a file of the server. Else what a configuration file may
    hold, where a tier is a profile's name or a list of them:
    ``{"tiers": {"simple": "cheap", "complex": ["strong", "strong-too"]}}``. No other
    endpoints: params travel with the conversation, so they must hold no key, and none
    of the server's may be sent where they say.

    Raises:
        ConfigError: They cannot be used; lists every problem at once.
    """
    if not params:
        return open_config()
    if "config" not in params:
        return _inline(params)
    path = params["config"]
    if len(params) > 1 or not isinstance(path, str) or not path:
        raise _error("config", "must be a path, alone", "Put the rest into that file")
    return open_config(path)


def _inline(params: Mapping[str, Any]) -> RouterConfig:
    tiers = params.get("tiers")
    if isinstance(tiers, Mapping):
        params = {**params, "tiers": {k: _tier(v) for k, v in tiers.items()}}
    config = parse_config(dict(params), SOURCE)
    remedy = "Save it as an LLM profile on the server, and write the profile's name"
    problems = [
        config.problem(key, "names no profile", remedy)
        for key, endpoint in config.endpoints().items()
        if endpoint.profile is None
    ]
    if problems:
        raise ConfigError(problems)
    return config


def _tier(value: Any) -> Any:
    """Names are of profiles here, not of models as in a file."""
    if isinstance(value, str):
        value = [value]
    if isinstance(value, list):
        value = [{"profile": v} if isinstance(v, str) else v for v in value]
    return value


def _error(path: str, message: str, remedy: str) -> ConfigError:
    problem = Problem(source=SOURCE, path=path, message=message, remedy=remedy)
    return ConfigError([problem])
