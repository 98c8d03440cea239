"""Configuration: which models serve the four tiers, and how.

``load_config``, ``config_from_env`` and ``find_config`` read it; ``tier_set`` and
``build_llms`` make of it what the engine and the router need. Importing this
package imports neither the SDK nor litellm; only ``build_llms`` does, when called.
"""

from openhands_tiered_router.config.build import build_llms, tier_set
from openhands_tiered_router.config.endpoint import EndpointConfig
from openhands_tiered_router.config.environment import config_from_env
from openhands_tiered_router.config.errors import ConfigError, Problem
from openhands_tiered_router.config.find import ConfigSource, find_config, open_config
from openhands_tiered_router.config.load import load_config, parse_config
from openhands_tiered_router.config.schema import RouterConfig, TierConfig, TiersConfig
from openhands_tiered_router.config.settings import policy_of, settings_of


__all__ = [
    "ConfigError",
    "ConfigSource",
    "EndpointConfig",
    "Problem",
    "RouterConfig",
    "TierConfig",
    "TiersConfig",
    "build_llms",
    "config_from_env",
    "find_config",
    "load_config",
    "open_config",
    "parse_config",
    "policy_of",
    "settings_of",
    "tier_set",
]
