"""The LiteLLM proxy's application, with the router's metrics beside its API.

Imported by each worker process of ``tiered-router serve``, in its main thread.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Request, Response
from litellm.proxy._types import UserAPIKeyAuth
from litellm.proxy.auth.user_api_key_auth import user_api_key_auth
from litellm.proxy.proxy_server import app as proxy

from openhands_tiered_router.calls.answer_size import bound_all
from openhands_tiered_router.config import ConfigError
from openhands_tiered_router.gateway.clients import client_of
from openhands_tiered_router.gateway.door import Door
from openhands_tiered_router.gateway.hook import gateway
from openhands_tiered_router.gateway.workers import take_sighup
from openhands_tiered_router.record.metrics.exposition import exposition
from openhands_tiered_router.sdk.reload import reload_on_sighup


__all__ = ["app"]

logger = logging.getLogger(__name__)

bound_all()
exposition()
reload_on_sighup()
take_sighup()


@proxy.get("/metrics")
def metrics(
    request: Request, auth: Annotated[UserAPIKeyAuth, Depends(user_api_key_auth)]
) -> Response:
    """What Prometheus gets. Not a coroutine: it asks shared state."""
    if client_of(auth) is not None:
        raise HTTPException(403, "The numbers of all clients are the operator's.")
    answer = exposition().answer("/metrics", request.headers.get("accept", ""))
    return Response(answer.body, answer.status, media_type=answer.content_type)


_proxy_lifespan = proxy.router.lifespan_context


@asynccontextmanager
async def _lifespan(proxy: FastAPI) -> AsyncIterator[Any]:
    """The proxy's; the router opens its configuration, and follows it, before the first
    request, which need not wait for that."""
    async with _proxy_lifespan(proxy) as state:
        try:
            await gateway.open()
        except Exception as error:
            # Only what the configuration says of itself is known to hold no key.
            told = error if isinstance(error, ConfigError) else type(error).__name__
            logger.error("not routed: %s; default tier serves", told)
        yield state
    await gateway.close()


proxy.router.lifespan_context = _lifespan
app = Door(proxy)
