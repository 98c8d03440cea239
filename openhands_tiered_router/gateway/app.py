"""The LiteLLM proxy's application, with the router's metrics beside its API.

Imported by each worker process of ``tiered-router serve``, in its main thread.
"""

from __future__ import annotations

from fastapi import Depends, Request, Response
from litellm.proxy.auth.user_api_key_auth import user_api_key_auth
from litellm.proxy.proxy_server import app

from openhands_tiered_router.metrics.exposition import exposition
from openhands_tiered_router.sdk.reload import reload_on_sighup


__all__ = ["app"]

exposition()
reload_on_sighup()


@app.get("/metrics", dependencies=[Depends(user_api_key_auth)])
def metrics(request: Request) -> Response:
    """What Prometheus gets. Not a coroutine: it asks shared state."""
    answer = exposition().answer("/metrics", request.headers.get("accept", ""))
    return Response(answer.body, answer.status, media_type=answer.content_type)
