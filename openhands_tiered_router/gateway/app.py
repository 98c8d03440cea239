"""The LiteLLM proxy's application, with the router's metrics beside its API.

Imported by each worker process of ``tiered-router serve``, in its main thread.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import Depends, FastAPI, Request, Response
from litellm.proxy.auth.user_api_key_auth import user_api_key_auth
from litellm.proxy.proxy_server import app

from openhands_tiered_router.config import ConfigError
from openhands_tiered_router.gateway.hook import gateway
from openhands_tiered_router.gateway.workers import take_sighup
from openhands_tiered_router.record.metrics.exposition import exposition
from openhands_tiered_router.sdk.reload import reload_on_sighup


__all__ = ["app"]

logger = logging.getLogger(__name__)

exposition()
reload_on_sighup()
take_sighup()


@app.get("/metrics", dependencies=[Depends(user_api_key_auth)])
def metrics(request: Request) -> Response:
    """What Prometheus gets. Not a coroutine: it asks shared state."""
    answer = exposition().answer("/metrics", request.headers.get("accept", ""))
    return Response(answer.body, answer.status, media_type=answer.content_type)


_proxy_lifespan = app.router.lifespan_context


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[Any]:
    """The proxy's; the router opens its configuration, and follows it, before the first
    request, which need not wait for that."""
    async with _proxy_lifespan(app) as state:
        try:
            await gateway.open()
        except Exception as error:
            # Only what the configuration says of itself is known to hold no key.
            told = error if isinstance(error, ConfigError) else type(error).__name__
            logger.error("not routed: %s; default tier serves", told)
        yield state
    await gateway.close()


app.router.lifespan_context = _lifespan
