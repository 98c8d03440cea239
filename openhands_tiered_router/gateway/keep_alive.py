"""Sending a conversation's prompt again before its cache dies, where that pays.

On the proxy's event loop, in a gateway of one process: another worker could not know
that a conversation went on in this one. See ``policy.economics.keep_alive``.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

from openhands_tiered_router.calls import clock
from openhands_tiered_router.gateway.call import MODEL, GatewayCall, Wire
from openhands_tiered_router.gateway.pending import Pending, begun, in_thread
from openhands_tiered_router.gateway.routing import GatewayRouter, PingRefused
from openhands_tiered_router.guards.budget.guard import MaxBudgetReached
from openhands_tiered_router.policy.economics.keep_alive import MOST


logger = logging.getLogger(__name__)

MAX_FOLLOWED: Final = 500
"""Conversations whose last request is held; the oldest are let go."""
_SENT: Final[Mapping[Wire, tuple[str, ...]]] = {
    Wire.CHAT: (
        "messages", "tools", "tool_choice", "parallel_tool_calls", "prompt_cache_key",
        "extra_headers", "provider_specific_header",
    ),
    Wire.MESSAGES: (
        "system", "messages", "tools", "tool_choice", "extra_headers",
        "provider_specific_header",
    ),
}  # fmt: skip
"""What a prompt's cache depends on; everything else of a request is left out."""
_THINKS: Final = ("thinking", "reasoning_effort", "output_config", "reasoning")
"""A thinking model answers with more than one token, and what it is told of thinking
is part of the cached prompt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A request as it went to the endpoint that answered."""

    call: GatewayCall
    key: str
    body: Mapping[str, Any]


def prompt_of(wire: Wire, body: Mapping[str, Any]) -> dict[str, Any] | None:
    """What to send again of a request; ``None``: it cannot be had for one token."""
    if wire not in _SENT or any(body.get(field) for field in _THINKS):
        return None
    return {name: body[name] for name in _SENT[wire] if body.get(name) is not None}


class KeepAlive:
    """Follows conversations from each answer to the next request."""

    def __init__(
        self,
        pending: Pending,
        send: Callable[[Wire, dict[str, Any]], Awaitable[Any]],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """
        Args:
            pending: Where requests under way are booked when LiteLLM tells their end.
            send: Has LiteLLM send a request.
            sleep: As ``asyncio.sleep``.
        """
        self._pending = pending
        self._send = send
        self._sleep = sleep
        self._followed: OrderedDict[str, asyncio.Task[None]] = OrderedDict()

    def stop(self, session_id: str | None) -> None:
        """A request of the conversation came: its cache lives by that."""
        task = self._followed.pop(session_id or "", None)
        if task is not None:
            task.cancel()

    def stop_all(self) -> None:
        for session_id in list(self._followed):
            self.stop(session_id)

    def follow(self, router: GatewayRouter, sent: Sent, *, asked: bool) -> None:
        """An answer came. ``asked``: it leaves the turn to the user."""
        session_id = sent.call.session_id
        if session_id is None:
            return
        self.stop(session_id)
        task = begun(self._keep(router, sent, asked))
        self._followed[session_id] = task
        task.add_done_callback(lambda done: self._ended(session_id, done))
        if len(self._followed) > MAX_FOLLOWED:
            self.stop(next(iter(self._followed)))

    def _ended(self, session_id: str, task: asyncio.Task[None]) -> None:
        if self._followed.get(session_id) is task:
            del self._followed[session_id]

    async def _keep(self, router: GatewayRouter, sent: Sent, asked: bool) -> None:
        for pings in range(MOST):
            due = await in_thread(router.ping_due, sent.call, sent.key)
            if due is None:
                return
            await self._sleep(max(due - clock.now(), 0.0))
            ask = router.worth_pinging
            if not await in_thread(ask, sent.call, sent.key, pings=pings, asked=asked):
                return
            # Begun apart, so that a request of the conversation stops the next ping,
            # not this one: it is paid for.
            if not await asyncio.shield(begun(self._ping(router, sent))):
                return

    async def _ping(self, router: GatewayRouter, sent: Sent) -> bool:
        """Sends the prompt once more; whether another may follow."""
        try:
            route = await in_thread(router.set_out_ping, sent.call, sent.key)
        except (MaxBudgetReached, PingRefused):
            return False
        except Exception as error:
            logger.error("cache not kept alive: %s", type(error).__name__)
            return False
        call_id = f"keep-alive-{uuid4().hex}"
        self._pending.add(call_id, route)
        body = {
            **sent.body,
            "model": f"{MODEL}/{sent.key}",
            "max_tokens": 1,
            "num_retries": 0,
            "litellm_call_id": call_id,
        }
        try:
            await self._send(sent.call.wire, body)
        except Exception as error:
            logger.warning("cache not kept alive: %s", type(error).__name__)
            if self._pending.pop(call_id) is not None:
                await in_thread(router.gave_up, route)
            return False
        return True


async def send_by_proxy(wire: Wire, body: dict[str, Any]) -> Any:
    """Sends a request by the proxy's router, which tells its end as of any other."""
    from litellm.proxy.proxy_server import llm_router

    assert llm_router is not None  # the proxy runs
    if wire is Wire.MESSAGES:
        return await llm_router.aanthropic_messages(**body)
    return await llm_router.acompletion(**body)


def leaves_turn(response: Any) -> bool:
    """Whether an answer calls no tool, so that the user is next. In doubt it does not:
    then the conversation's own pace counts."""
    reason = _field(response, "stop_reason")
    if reason is None:
        choices = _field(response, "choices") or []
        reason = _field(choices[0], "finish_reason") if choices else None
    return reason in ("stop", "end_turn")


def _field(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)
