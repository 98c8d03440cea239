"""The running proxy's list of models, when the configuration changes."""

from __future__ import annotations

import asyncio
import os
from typing import Any, Final

from openhands_tiered_router.config import RouterConfig
from openhands_tiered_router.gateway.call import is_routed
from openhands_tiered_router.gateway.proxy_config import proxy_config


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
