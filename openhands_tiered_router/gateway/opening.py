"""From the router's configuration to a router for the gateway."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from openhands_tiered_router.config import RouterConfig, build_llms, open_config
from openhands_tiered_router.config.settings import file_of, settings_of
from openhands_tiered_router.gateway.routing import GatewayRouter
from openhands_tiered_router.sdk.endpoints import with_verdicts
from openhands_tiered_router.sdk.reload import live_config
from openhands_tiered_router.sdk.setup import RouterSetup


def open_router(
    environ: Mapping[str, str],
    workspaces: str | None,
    prepare: Callable[[RouterConfig], None] = lambda _: None,
) -> GatewayRouter:
    """The router for the configuration that holds; it follows the file.

    Args:
        environ: Where keys are looked for.
        workspaces: See ``GatewayRouter``.
        prepare: Called with this and each later configuration before it is in force.

    Raises:
        ConfigError: It cannot be used; lists every problem.
    """
    config = open_config(None)
    llms, settings = build_llms(config, environ), with_verdicts(settings_of(config))
    first = RouterSetup.of(llms, settings, config.default_tier)
    prepare(config)
    path = file_of(config)
    if path is None:
        return GatewayRouter(lambda: first, workspaces)
    live = live_config(path)
    live.was_read(config)
    live.prepare = prepare
    live.start(first, settings.reload)

    def current() -> RouterSetup:
        return live.newest.setup if live.newest else first

    return GatewayRouter(current, workspaces)
