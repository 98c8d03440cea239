"""The running proxy's list of models, when the configuration changes."""

from __future__ import annotations

import asyncio
import os
from typing import Final

from openhands_tiered_router.config import RouterConfig
from openhands_tiered_router.gateway.proxy_config import proxy_config


_PATIENCE: Final = 30.0
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
    asyncio.run_coroutine_threadsafe(_replace(models), loop).result(_PATIENCE)


async def _replace(models: list[dict[str, object]]) -> None:
    from litellm.proxy.proxy_server import llm_router

    if llm_router is None:
        return
    names = {model["model_name"] for model in models}
    known = llm_router.get_model_list() or []
    gone = [dict(model) for model in known if model["model_name"] not in names]
    llm_router.set_model_list([*models, *gone])
