"""From the router's configuration to a router for the gateway."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from typing import Any, Final

from openhands_tiered_router.config import RouterConfig, build_llms, open_config
from openhands_tiered_router.config.settings import file_of, settings_of
from openhands_tiered_router.gateway.call import is_routed
from openhands_tiered_router.gateway.proxy_config import proxy_config
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


_WAIT: Final = 30.0
"""Seconds for the event loop to take the list; it takes milliseconds."""


def replace_models(config: RouterConfig, loop: asyncio.AbstractEventLoop) -> None:
    """Has LiteLLM know the endpoints of ``config``. Not for its event loop.

    In one step of the loop, so that no request sees half of it. Names that are gone
    stay, for requests under way.

    Raises:
        ConfigError: A profile cannot be read, or a key is missing.
    """
    proxy = proxy_config(config, os.environ)
    os.environ.update(proxy.variables)
    models = proxy.settings["model_list"]
    asyncio.run_coroutine_threadsafe(_replace(models), loop).result(_WAIT)


def is_ours(model: Any) -> bool:
    """Whether LiteLLM would take that name, of nobody's own, for one of our
    endpoints."""
    from litellm.proxy.proxy_server import llm_router

    if llm_router is None or model in llm_router.get_model_names():
        return False
    ours = (m for m in llm_router.get_model_list() or () if is_routed(m["model_name"]))
    return any(
        model in (m["litellm_params"].get("model"), m.get("model_info", {}).get("id"))
        for m in ours
    )


async def _replace(models: list[dict[str, object]]) -> None:
    from litellm.proxy.proxy_server import llm_router

    if llm_router is None:
        return
    names = {model["model_name"] for model in models}
    known = llm_router.get_model_list() or []
    gone = [dict(model) for model in known if model["model_name"] not in names]
    llm_router.set_model_list([*models, *gone])
