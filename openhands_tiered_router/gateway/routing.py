"""Deciding for HTTP requests, and booking what became of them; knows no LiteLLM proxy.

The requests of a conversation share a record, by the id that the client sends, like
an SDK conversation's calls do.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import Final

from openhands_tiered_router import folding
from openhands_tiered_router.core.decision import (
    Attempt,
    Decision,
    ErrorKind,
    Outcome,
    Reason,
    Usage,
)
from openhands_tiered_router.core.request import Purpose, RoutingRequest
from openhands_tiered_router.core.session import SessionState
from openhands_tiered_router.dispatch.errors import kind_of, retry_after
from openhands_tiered_router.fleet import RoutedCall, SessionRecord
from openhands_tiered_router.gateway.call import GatewayCall
from openhands_tiered_router.health.endpoint import EndpointHealth
from openhands_tiered_router.health.transitions import Permit
from openhands_tiered_router.sdk.messages import prompt_tokens
from openhands_tiered_router.sdk.setup import RouterSetup
from openhands_tiered_router.telemetry.ids import new_decision_id


logger = logging.getLogger(__name__)

MAX_RESPONSES: Final = 10_000
"""Answers of the Responses API of which it is remembered who gave them."""


@dataclass(slots=True, kw_only=True)
class Route:
    """One request on its way."""

    call: GatewayCall
    decision: Decision
    purpose: Purpose
    session: SessionRecord
    turn: int
    began: float
    """Epoch seconds."""
    overhead: float
    """Seconds that the decision took, history included."""
    decision_id: str = field(default_factory=new_decision_id)
    attempts: list[Attempt] = field(default_factory=list)
    permits: dict[str, Permit] = field(default_factory=dict)
    """By endpoint key, what the breaker said when the request set out."""
    sent_at: float = 0.0

    @property
    def order(self) -> tuple[str, ...]:
        """Keys of the endpoints to try, best first."""
        return (self.decision.endpoint, *self.decision.fallbacks)


class GatewayRouter:
    """Routes requests by one configuration. Safe on one event loop; does no I/O but
    that of a shared breaker's state."""

    def __init__(self, setup: RouterSetup, workspaces: str | None = "/") -> None:
        """
        Args:
            setup: Engine, health and books.
            workspaces: Directory below which code graphs of the clients' workspaces
                may be built; ``None``: nowhere.
        """
        self._setup = setup
        self._workspaces = workspaces
        self._gave: OrderedDict[str, str] = OrderedDict()

    def route(self, call: GatewayCall) -> Route:
        """Decides; what goes wrong in here sends the request to the default tier."""
        began, started = time.time(), time.perf_counter()
        purpose = _purpose(call)
        session = SessionRecord()
        if call.session_id is not None:
            session = self._setup.fleet.session(call.session_id)
        state = session.state
        try:
            state = _read(call, purpose, session)
            request = self._request(call, purpose, session, state)
            decision = self._setup.decide(request, state, now=began)
        except Exception as error:
            # The type alone: a message could quote the prompt.
            name = type(error).__name__
            logger.error("routing failed with %s; default tier serves", name)
            decision = self._setup.fallback_decision(name)
        return Route(
            call=call,
            decision=self._bound(call, decision),
            purpose=purpose,
            session=session,
            turn=state.turns,
            began=began,
            overhead=time.perf_counter() - started,
            sent_at=began,
        )

    def admitted(self, route: Route) -> list[str]:
        """The endpoints whose breakers let the request pass, best first; all of them
        if none does: without a router it would have gone out too. May wait for a
        shared breaker's state.
        """
        for key in route.order:
            breaker = self._health(key).breaker
            permit = breaker.acquire(time.time())
            if permit is Permit.PROBE and route.permits:
                breaker.released()  # only the first is sure to be tried
            elif permit:
                route.permits[key] = permit
        return list(route.permits) or list(route.order)

    def failed(self, route: Route, key: str, error: Exception) -> None:
        """An endpoint failed; another may be tried."""
        now, kind = time.time(), kind_of(error)
        permit = route.permits.pop(key, Permit.FREE)
        self._health(key).breaker.failed(kind, now, retry_after(error), permit)
        self._attempted(route, key, kind, now)

    def answered(
        self,
        route: Route,
        key: str,
        *,
        usage: Usage,
        cost: float | None,
        first_token: float | None,
        response_id: str | None,
    ) -> None:
        """An endpoint answered. ``first_token``: epoch seconds of a stream's first."""
        now = time.time()
        permit = route.permits.pop(key, Permit.FREE)
        health = self._health(key)
        health.breaker.succeeded(now, began=route.sent_at, permit=permit)
        if first_token is None:
            health.latency.answered(now, now - route.sent_at, usage.completion)
        else:
            health.latency.streamed(now, max(0.0, first_token - route.sent_at))
        self._attempted(route, key, None, now)
        if response_id is not None:
            self._gave[response_id] = key
            if len(self._gave) > MAX_RESPONSES:
                self._gave.popitem(last=False)
        self._learn(route, key, usage, now)
        self._record(route, key, usage, cost, first_token, response_id)

    def gave_up(self, route: Route) -> None:
        """No endpoint answered, or the client left."""
        for key, permit in route.permits.items():
            if permit is Permit.PROBE:
                self._health(key).breaker.released()
        route.permits.clear()
        self._record(route, None, Usage(), None, None, None)

    def wrote(self, route: Route, key: str) -> bool:
        """Whether that endpoint alone is known to have written the history."""
        served = route.session.state.warm.keys()
        return served == {self._setup.endpoint(key).cache_id}

    def _request(
        self,
        call: GatewayCall,
        purpose: Purpose,
        session: SessionRecord,
        state: SessionState,
    ) -> RoutingRequest:
        if session.tools_tokens is None:
            session.tools_tokens = call.tools_tokens()
            session.workspace = self._allowed(call.workspace())
        return RoutingRequest(
            session_id=call.session_id,
            purpose=purpose,
            prompt_tokens=prompt_tokens(state, session.tools_tokens),
            images=state.images,
            needs_tools=bool(call.tools),
            pin=call.pin,
            workspace=session.workspace,
        )

    def _allowed(self, workspace: str | None) -> str | None:
        if workspace is None or self._workspaces is None:
            return None
        root = self._workspaces.rstrip("/") + "/"
        inside = (workspace.rstrip("/") + "/").startswith(root)
        return workspace if inside and ".." not in workspace.split("/") else None

    def _bound(self, call: GatewayCall, decision: Decision) -> Decision:
        """A history that a provider keeps can go on nowhere else."""
        key = self._gave.get(call.continues or "")
        if key is None:
            return decision
        reason = Reason("continues", "its provider keeps the history")
        return replace(
            decision,
            tier=self._setup.endpoint(key).tier,
            endpoint=key,
            fallbacks=(),
            reasons=(*decision.reasons, reason),
        )

    def _health(self, key: str) -> EndpointHealth:
        return self._setup.health_of(self._setup.endpoint(key))

    def _attempted(
        self, route: Route, key: str, error: ErrorKind | None, now: float
    ) -> None:
        seconds = now - route.sent_at
        route.attempts.append(Attempt(endpoint=key, error=error, seconds=seconds))
        route.sent_at = now

    def _learn(self, route: Route, key: str, usage: Usage, now: float) -> None:
        if route.purpose is not Purpose.TURN or route.call.session_id is None:
            return
        endpoint, session = self._setup.endpoint(key), route.session
        with session.lock:
            session.answers = session.state.turns + 1
            session.state = session.state.after_call(
                endpoint.cache_id, usage, now, endpoint.tier
            )

    def _record(
        self,
        route: Route,
        key: str | None,
        usage: Usage,
        cost: float | None,
        first_token: float | None,
        response_id: str | None,
    ) -> None:
        outcome = Outcome(
            endpoint=key,
            attempts=tuple(route.attempts),
            usage=usage,
            cost=cost,
            seconds=time.time() - route.began,
            first_token_seconds=None
            if first_token is None
            else first_token - route.began,
            response_id=response_id,
        )
        call = RoutedCall(
            decision_id=route.decision_id,
            session_id=route.call.session_id,
            purpose=route.purpose,
            turn=route.turn,
            at=route.began,
            overhead=route.overhead,
            decision=route.decision,
            outcome=outcome,
        )
        route.session.calls.append(call)
        self._setup.record(call)


def _purpose(call: GatewayCall) -> Purpose:
    """A step offers tools; what a conversation asks without them is beside it."""
    if call.tools:
        return Purpose.TURN
    return Purpose.SINGLE if call.session_id is None else Purpose.SIDE


def _read(call: GatewayCall, purpose: Purpose, session: SessionRecord) -> SessionState:
    """Only a step of a conversation moves its state."""
    if purpose is Purpose.TURN and call.session_id is not None:
        return folding.advance(session, call.history, call.entries_of, call.fingerprint)
    return SessionState().fold(call.entries_of(call.history))
