"""The LiteLLM proxy's callback: a model is chosen before each call.

``tiered-router serve`` puts it in; in a LiteLLM deployment of your own it is listed in
the proxy's configuration, and ``TIERED_ROUTER_CONFIG`` names the router's::

    litellm_settings:
      callbacks: ["openhands_tiered_router.gateway.hook.gateway"]
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from fastapi import HTTPException
from litellm.integrations.custom_logger import CustomLogger

from openhands_tiered_router.calls.state.stores import durable_store_for
from openhands_tiered_router.gateway import portability
from openhands_tiered_router.gateway.call import (
    MODEL,
    GatewayCall,
    call_of,
    is_routed,
)
from openhands_tiered_router.gateway.clients import Client, Clients, client_of
from openhands_tiered_router.gateway.keep_alive import (
    KeepAlive,
    Sent,
    leaves_turn,
    prompt_of,
    send_by_proxy,
)
from openhands_tiered_router.gateway.pending import Pending, begun, in_thread
from openhands_tiered_router.gateway.routing import GatewayRouter, Route
from openhands_tiered_router.gateway.settings import (
    ANY_MODEL,
    BUDGETED,
    SERVED,
    WORKSPACES,
)
from openhands_tiered_router.guards.budget.guard import MaxBudgetReached
from openhands_tiered_router.policy.outcome import Usage
from openhands_tiered_router.policy.request import Purpose


logger = logging.getLogger(__name__)

NOTED_SECONDS: Final = 1.0
"""Within which another worker has noted whose an answer is that a client has got."""
CLIENT_LEFT: Final = 499
"""Status by which the proxy says that the client went away."""


class Gateway(CustomLogger):
    """Chooses an endpoint for each request, and learns from what became of it."""

    def __init__(self) -> None:
        super().__init__()
        self._router: GatewayRouter | None = None
        self._opening: asyncio.Task[GatewayRouter] | None = None
        self._clients: Clients | None = None
        self._pending = Pending()
        self._alive = KeepAlive(self._pending, send_by_proxy)

    async def open(self) -> GatewayRouter:
        """Reads the configuration, once however many wait for it; not at import, which
        happens while the proxy reads its own. A failure is tried again when next asked.
        """
        if self._router is not None:
            return self._router
        if self._opening is None or self._opening.done():
            self._opening = begun(self._read())
        return await asyncio.shield(self._opening)

    async def clients(self) -> Clients:
        """The keys of clients, in the state that the configuration names."""
        router = await self.open()
        if self._clients is None:
            self._clients = Clients(durable_store_for(router.state))
        return self._clients

    async def close(self) -> None:
        """Books what is still under way, as left by its client."""
        self._alive.stop_all()
        await self._give_up(self._pending.all())

    async def async_pre_call_hook(
        self,
        user_api_key_dict: Any,
        cache: Any,  # noqa: ARG002
        data: dict[str, Any],
        call_type: Any,
    ) -> dict[str, Any]:
        if not is_routed(data.get("model")):
            if not os.environ.get(ANY_MODEL):
                _check_other(data.get("model"))
                return data
            data["model"] = MODEL
        client = client_of(user_api_key_dict)
        try:
            await self._direct(data, str(call_type), client)
        except MaxBudgetReached as error:
            # The name by which clients, the SDK among them, know not to try again.
            raise _refusal(429, str(error), "budget_exceeded") from None
        except HTTPException:
            raise
        except Exception as error:
            fault = type(error).__name__
            if os.environ.get(BUDGETED) or (client and client.budgets()):
                logger.error("not routed: %s; budgets cannot be checked", fault)
                why = "The gateway cannot check its budgets; its log says why."
                raise _refusal(503, why, "unavailable") from None
            # The routed name itself stands for the default tier.
            logger.error("not routed: %s; default tier serves", fault)
        return data

    async def _direct(
        self, data: dict[str, Any], call_type: str, client: Client | None
    ) -> None:
        """Changes the request so that it goes where it should."""
        call = call_of(data, call_type, client)
        if call is None:
            why = "Only chat, messages and responses are routed and counted."
            raise _refusal(400, why)
        router = await self.open()
        if call.continues and not await _may_continue(router, call):
            raise _refusal(404, "There is no such previous_response_id.")
        await self._give_up(self._pending.overdue(time.time()))
        setting_out = begun(asyncio.to_thread(_set_out, router, call, data))
        try:
            route, (first, *others) = await asyncio.shield(setting_out)
        except asyncio.CancelledError:
            # The thread goes on, and puts money aside that nobody will spend.
            setting_out.add_done_callback(self._nobody_waits)
            raise
        self._pending.add(data["litellm_call_id"], route)
        if router.keeps_alive and route.purpose is Purpose.TURN:
            self._alive.stop(call.session_id)
            route.bodies = {
                key: body
                for key, target in zip(route.order, (first, *others), strict=True)
                if (body := prompt_of(call.wire, {**data, **target})) is not None
            }
        data.update(first, fallbacks=others, num_retries=0)

    async def async_post_call_response_headers_hook(
        self, data: dict[str, Any], *_: Any, **__: Any
    ) -> dict[str, str] | None:
        route = self._pending.get(data.get("litellm_call_id", ""))
        if route is None:
            return None
        return {
            "x-tiered-router-tier": str(route.decision.tier),
            "x-tiered-router-decision": route.decision_id,
        }

    async def async_log_success_event(
        self,
        kwargs: dict[str, Any],
        response_obj: Any,
        start_time: Any,  # noqa: ARG002
        end_time: Any,  # noqa: ARG002
    ) -> None:
        route = self._pending.pop(kwargs.get("litellm_call_id", ""))
        if route is None or self._router is None:
            return
        logged = kwargs.get("standard_logging_object") or {}
        key = _key(logged)
        await in_thread(
            self._router.answered,
            route,
            key,
            usage=_usage(logged),
            cost=logged.get("response_cost"),
            first_token=_first_token(kwargs),
            response_id=getattr(response_obj, "id", None),
        )
        body = route.bodies.get(key)
        if body is not None and _usage(logged).cached:
            sent = Sent(call=route.call, key=key, body=body)
            self._alive.follow(self._router, sent, asked=leaves_turn(response_obj))

    async def async_log_failure_event(
        self,
        kwargs: dict[str, Any],
        response_obj: Any,  # noqa: ARG002
        start_time: Any,  # noqa: ARG002
        end_time: Any,  # noqa: ARG002
    ) -> None:
        route = self._pending.get(kwargs.get("litellm_call_id", ""))
        error = kwargs.get("exception")
        if route is None or self._router is None or not isinstance(error, Exception):
            return
        key = _key(kwargs.get("standard_logging_object") or {})
        await in_thread(self._router.failed, route, key, error)

    async def async_post_call_failure_hook(
        self,
        request_data: dict[str, Any],
        original_exception: Exception,
        *_: Any,
        **__: Any,
    ) -> None:
        route = self._pending.pop(request_data.get("litellm_call_id", ""))
        if route is not None and self._router is not None:
            # The proxy's own, by its option to cancel what nobody waits for.
            left = (
                isinstance(original_exception, HTTPException)
                and original_exception.status_code == CLIENT_LEFT
            )
            await in_thread(self._router.gave_up, route, left=left)

    async def _read(self) -> GatewayRouter:
        from openhands_tiered_router.gateway.opening import open_router, replace_models

        loop = asyncio.get_running_loop()
        self._router = await asyncio.to_thread(
            open_router,
            os.environ,
            os.environ.get(WORKSPACES),
            lambda config: replace_models(config, loop),
        )
        return self._router

    async def _give_up(self, routes: Sequence[Route]) -> None:
        if routes and self._router is not None:
            await in_thread(_left, self._router, routes)

    def _nobody_waits(self, setting_out: asyncio.Task[tuple[Route, Any]]) -> None:
        """Nothing was sent: what was put aside goes back."""
        if setting_out.cancelled() or setting_out.exception() is not None:
            return
        assert self._router is not None
        route, _ = setting_out.result()
        begun(asyncio.to_thread(self._router.gave_up, route))


async def _may_continue(router: GatewayRouter, call: GatewayCall) -> bool:
    """Whether the answer that it continues is its client's: what nobody is known to
    have got may be anybody's, so only calls without a client's key continue it."""
    until = time.monotonic() + NOTED_SECONDS
    while (sure := await in_thread(router.may_continue, call)) is None:
        if call.client is None:
            return True
        if time.monotonic() > until:
            return False
        await asyncio.sleep(NOTED_SECONDS / 10)
    return sure


def _check_other(model: Any) -> None:
    """Refuses what would be a call of one of our endpoints past the router: LiteLLM
    takes a deployment's own string, too, for a name.

    Raises:
        HTTPException: 400.
    """
    from openhands_tiered_router.gateway.opening import is_ours

    if os.environ.get(SERVED) or is_ours(model):
        raise _refusal(
            400,
            f"The gateway serves the models {MODEL} and {MODEL}/simple to "
            f"{MODEL}/reasoning.",
            "model_not_found",
        )


def _refusal(status: int, why: str, kind: str = "invalid_request") -> HTTPException:
    return HTTPException(status, {"error": {"message": why, "type": kind}})


def _left(router: GatewayRouter, routes: Iterable[Route]) -> None:
    for route in routes:
        router.gave_up(route, left=True)


def _set_out(
    router: GatewayRouter, call: GatewayCall, data: Mapping[str, Any]
) -> tuple[Route, list[dict[str, Any]]]:
    """The route, and what changes in the request for each of its endpoints."""
    route = router.set_out(call)
    try:
        short = router.shortened(route, data)
        body = {**data, **short}
        order = route.order
        return route, [{**short, **_target(router, route, k, body)} for k in order]
    except Exception:
        router.gave_up(route)
        raise


def _target(
    router: GatewayRouter, route: Route, key: str, data: Mapping[str, Any]
) -> dict[str, Any]:
    """The fields of the request that differ for that endpoint."""
    model = {"model": f"{MODEL}/{key}"}
    if router.wrote(route, key):
        return model
    return model | portability.for_another(data, route.call.wire)


def _key(logged: Mapping[str, Any]) -> str:
    return str(logged.get("model_group")).removeprefix(f"{MODEL}/")


def _usage(logged: Mapping[str, Any]) -> Usage:
    usage = (logged.get("metadata") or {}).get("usage_object") or {}
    prompt = usage.get("prompt_tokens_details") or {}
    completion = usage.get("completion_tokens_details") or {}
    return Usage(
        prompt=logged.get("prompt_tokens") or 0,
        completion=logged.get("completion_tokens") or 0,
        cache_read=prompt.get("cached_tokens") or 0,
        cache_write=prompt.get("cache_creation_tokens") or 0,
        reasoning=completion.get("reasoning_tokens") or 0,
    )


def _first_token(kwargs: Mapping[str, Any]) -> float | None:
    at = kwargs.get("completion_start_time")
    if not isinstance(at, datetime) or kwargs.get("stream") is not True:
        return None
    return at.timestamp()


gateway = Gateway()
