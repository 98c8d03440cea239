"""From the router's configuration to a router for the gateway."""

from __future__ import annotations

from collections.abc import Mapping

from openhands_tiered_router.config import build_llms, open_config
from openhands_tiered_router.core.rules import RULES
from openhands_tiered_router.gateway.routing import GatewayRouter
from openhands_tiered_router.sdk.configured import settings_of
from openhands_tiered_router.sdk.setup import RouterSetup


def open_router(environ: Mapping[str, str], workspaces: str | None) -> GatewayRouter:
    """The router for the configuration that holds.

    Raises:
        ConfigError: It cannot be used; lists every problem.
    """
    config = open_config(None)
    llms = build_llms(config, environ)
    setup = RouterSetup.of(llms, settings_of(config), config.default_tier, RULES)
    return GatewayRouter(setup, workspaces)
