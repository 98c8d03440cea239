"""Route each model call of an OpenHands agent to one of four tiers.

The public names are those of this module and of ``config``, ``graph``, ``guards``,
``loopback``, ``pricing`` and ``rules`` (docs/api.md); all others may change.

Importing this package imports neither the SDK nor litellm; using one of its public
names does.
"""

from __future__ import annotations

import importlib
import os
import threading
from typing import TYPE_CHECKING, Any, Final


if TYPE_CHECKING:
    from openhands_tiered_router.agent import RoutedAgent, VerifiedAgent
    from openhands_tiered_router.config import ConfigError, RouterConfig
    from openhands_tiered_router.conversation import routed_agent, routed_conversation
    from openhands_tiered_router.guards.budget.limits import Budget
    from openhands_tiered_router.policy.decision import Decision
    from openhands_tiered_router.record.metrics.serving import serve_metrics
    from openhands_tiered_router.router import ComplexityRouter
    from openhands_tiered_router.sdk.masking import ColdCacheCondenser
    from openhands_tiered_router.sdk.reload import reload_config, reload_on_sighup
    from openhands_tiered_router.settings import RouterSettings
    from openhands_tiered_router.tiers import Tier


__all__ = [
    "Budget",
    "ColdCacheCondenser",
    "ComplexityRouter",
    "ConfigError",
    "Decision",
    "RoutedAgent",
    "RouterConfig",
    "RouterSettings",
    "Tier",
    "VerifiedAgent",
    "reload_config",
    "reload_on_sighup",
    "routed_agent",
    "routed_conversation",
    "serve_metrics",
]

_HOMES: Final = {
    "Budget": "guards.budget.limits",
    "ColdCacheCondenser": "sdk.masking",
    "ComplexityRouter": "router",
    "ConfigError": "config",
    "Decision": "policy.decision",
    "RoutedAgent": "agent",
    "RouterConfig": "config",
    "RouterSettings": "settings",
    "Tier": "tiers",
    "VerifiedAgent": "agent",
    "reload_config": "sdk.reload",
    "reload_on_sighup": "sdk.reload",
    "routed_agent": "conversation",
    "routed_conversation": "conversation",
    "serve_metrics": "record.metrics.serving",
}


# Without a network, LiteLLM may fail to be imported if it looks for newer prices then:
# see docs/sdk.md.
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")


_importing: Final = threading.RLock()


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # The SDK's modules import each other in circles: threads that begin at two of them
    # find unfinished ones.
    with _importing:
        value = getattr(importlib.import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
