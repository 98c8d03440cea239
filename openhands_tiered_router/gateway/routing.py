"""Deciding for HTTP requests, and booking what became of them; knows no LiteLLM proxy.

The requests of a conversation share a record, by the id that the client sends, like
an SDK conversation's calls do.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace
from typing import Final

from openhands_tiered_router.calls import folding
from openhands_tiered_router.calls.errors import kind_of, retry_after
from openhands_tiered_router.calls.fleet import RoutedCall, SessionRecord
from openhands_tiered_router.calls.health.endpoint import EndpointHealth
from openhands_tiered_router.calls.health.transitions import Permit
from openhands_tiered_router.calls.steps import Blocking, Reply, Step
from openhands_tiered_router.gateway.call import GatewayCall
from openhands_tiered_router.policy.decision import (
    Attempt,
    Decision,
    ErrorKind,
    Outcome,
    Reason,
    Usage,
)
from openhands_tiered_router.policy.request import Purpose, RoutingRequest
from openhands_tiered_router.policy.session import SessionState
from openhands_tiered_router.record.telemetry.ids import new_decision_id
from openhands_tiered_router.sdk.messages import prompt_tokens
from openhands_tiered_router.sdk.setup import RouterSetup
from openhands_tiered_router.sdk.spending import Caller, Spending, quotes


logger = logging.getLogger(__name__)

MAX_RESPONSES: Final = 10_000
"""Answers of the Responses API of which it is remembered who gave them."""


@dataclass(slots=True, kw_only=True)
class Route:
    """One request on its way."""

    call: GatewayCall
    setup: RouterSetup
    """What was in force when it came: it ends on that."""
    purpose: Purpose
    session: SessionRecord
    began: float
    """Epoch seconds."""
    state: SessionState = field(default_factory=SessionState)
    """What went before."""
    decision: Decision = field(init=False)
    order: list[str] = field(default_factory=list)
    """Keys of the endpoints to try, best first."""
    spending: Spending = field(init=False)
    overhead: float = 0.0
    """Seconds that the decision took, history included."""
    decision_id: str = field(default_factory=new_decision_id)
    attempts: list[Attempt] = field(default_factory=list)
    permits: dict[str, Permit] = field(default_factory=dict)
    """By endpoint key, what the breaker said when the request set out."""
    sent_at: float = 0.0


class GatewayRouter:
    """Routes requests by one configuration at a time. Safe under threads; its methods
    may wait for shared state, so an event loop calls them in a thread."""

    def __init__(
        self, setup: Callable[[], RouterSetup], workspaces: str | None = "/"
    ) -> None:
        """
        Args:
            setup: Engine, health, budgets and books, as they are in force now.
            workspaces: Directory below which code graphs of the clients' workspaces
                may be built; ``None``: nowhere.
        """
        self._setup = setup
        self._workspaces = workspaces
        self._gave: OrderedDict[str, str] = OrderedDict()

    def set_out(self, call: GatewayCall) -> Route:
        """Decides; what goes wrong in here sends the request to the default tier.

        Raises:
            MaxBudgetReached: A budget does not allow the call; says how to go on.
        """
        started = time.perf_counter()
        setup, session = self._setup(), SessionRecord()
        if call.session_id is not None:
            session = setup.fleet.session(call.session_id)
        route = Route(
            call=call,
            setup=setup,
            purpose=_purpose(call, session),
            session=session,
            began=time.time(),
        )
        request = self._prepared(route)
        spending = route.spending = self._spending(route, request)
        _carry_out(spending.admit())
        decision = self._decide(spending.capped(request), route)
        route.decision = self._bound(route, decision)
        route.overhead = time.perf_counter() - started
        keys = (route.decision.endpoint, *route.decision.fallbacks)
        able = spending.order([setup.endpoint(key) for key in keys])
        route.order = self._admitted(route, [e.key for e in able])
        try:
            _carry_out(spending.reserve(route.order[0]))
        except BaseException:
            self._release(route)
            raise
        route.sent_at = time.time()
        return route

    def failed(self, route: Route, key: str, error: Exception) -> None:
        """An endpoint failed; another may be tried. LiteLLM tells of some twice."""
        if any(attempt.endpoint == key for attempt in route.attempts):
            return
        now, kind = time.time(), kind_of(error)
        permit = route.permits.pop(key, Permit.FREE)
        self._health(route, key).breaker.failed(kind, now, retry_after(error), permit)
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
        health = self._health(route, key)
        health.breaker.succeeded(now, began=route.sent_at, permit=permit)
        if first_token is None:
            health.latency.answered(now, now - route.sent_at, usage.completion)
        else:
            health.latency.streamed(now, max(0.0, first_token - route.sent_at))
        self._release(route)
        self._attempted(route, key, None, now)
        if response_id is not None:
            self._gave[response_id] = key
            if len(self._gave) > MAX_RESPONSES:
                self._gave.popitem(last=False)
        self._learn(route, key, usage, now)
        self._settle(route, key, usage, cost, first_token, response_id)

    def gave_up(self, route: Route, *, left: bool = False) -> None:
        """No endpoint answered; ``left``: the client went while one was at it, which
        may be charged for."""
        self._release(route)
        under_way = route.order[len(route.attempts) :]
        if left and under_way:
            self._attempted(route, under_way[0], ErrorKind.CANCELLED, time.time())
        self._settle(route, None, Usage(), None, None, None)

    def wrote(self, route: Route, key: str) -> bool:
        """Whether that endpoint alone is known to have written the history: what other
        workers and replicas had written is not known here."""
        served = route.session.state.warm.keys()
        alone = route.session.answered_here >= route.state.turns
        return alone and served == {route.setup.endpoint(key).cache_id}

    def _prepared(self, route: Route) -> RoutingRequest | str:
        """What the engine is asked; a name of what went wrong, if it cannot be."""
        call, session = route.call, route.session
        try:
            route.state = _read(call, route.purpose, session)
            if route.purpose is Purpose.TURN and not session.tools_tokens:
                session.tools_tokens = call.tools_tokens()
                session.workspace = self._allowed(call.workspace())
            tools = session.tools_tokens if call.tools else 0
        except Exception as error:
            # The type alone: a message could quote the prompt.
            return type(error).__name__
        return RoutingRequest(
            session_id=call.session_id,
            purpose=route.purpose,
            prompt_tokens=prompt_tokens(route.state, tools or 0),
            images=route.state.images,
            needs_tools=bool(call.tools),
            pin=call.pin,
            workspace=session.workspace,
        )

    def _decide(self, request: RoutingRequest | str, route: Route) -> Decision:
        if isinstance(request, RoutingRequest):
            try:
                return route.setup.decide(request, route.state, now=route.began)
            except Exception as error:
                request = type(error).__name__
        logger.error("routing failed with %s; default tier serves", request)
        return route.setup.fallback_decision(request)

    def _spending(self, route: Route, request: RoutingRequest | str) -> Spending:
        prompt = request.prompt_tokens if isinstance(request, RoutingRequest) else 0
        caller = Caller(
            conversation=route.call.conversation,
            session=route.call.session_id,
            purpose=route.purpose,
            new_request=route.state.after_user,
        )
        return route.setup.spending(
            caller,
            lambda: quotes(
                route.setup.endpoints.values(),
                route.state,
                prompt=prompt,
                is_turn=route.purpose is Purpose.TURN,
                now=route.began,
                look_back=route.setup.engine.policy.cache_look_back,
            ),
        )

    def _admitted(self, route: Route, keys: list[str]) -> list[str]:
        """The endpoints whose breakers let the request pass, best first; all of them
        if none does: without a router it would have gone out too.
        """
        for key in keys:
            breaker = self._health(route, key).breaker
            permit = breaker.acquire(time.time())
            if permit is Permit.PROBE and route.permits:
                breaker.released()  # only the first is sure to be tried
            elif permit:
                route.permits[key] = permit
        return list(route.permits) or keys

    def _release(self, route: Route) -> None:
        """No probe stays under way once the request is over."""
        for key, permit in route.permits.items():
            if permit is Permit.PROBE:
                self._health(route, key).breaker.released()
        route.permits.clear()

    def _allowed(self, workspace: str | None) -> str | None:
        if workspace is None or self._workspaces is None:
            return None
        root = self._workspaces.rstrip("/") + "/"
        inside = (workspace.rstrip("/") + "/").startswith(root)
        return workspace if inside and ".." not in workspace.split("/") else None

    def _bound(self, route: Route, decision: Decision) -> Decision:
        """A history that a provider keeps can go on nowhere else."""
        key = self._gave.get(route.call.continues or "")
        if key is None or key not in route.setup.endpoints:
            return decision
        reason = Reason("continues", "its provider keeps the history")
        return replace(
            decision,
            tier=route.setup.endpoint(key).tier,
            endpoint=key,
            fallbacks=(),
            reasons=(*decision.reasons, reason),
        )

    def _health(self, route: Route, key: str) -> EndpointHealth:
        return route.setup.health_of(route.setup.endpoint(key))

    def _attempted(
        self, route: Route, key: str, error: ErrorKind | None, now: float
    ) -> None:
        seconds = now - route.sent_at
        route.attempts.append(Attempt(endpoint=key, error=error, seconds=seconds))
        route.sent_at = now

    def _learn(self, route: Route, key: str, usage: Usage, now: float) -> None:
        if route.purpose is not Purpose.TURN or route.call.session_id is None:
            return
        endpoint, session = route.setup.endpoint(key), route.session
        with session.lock:
            session.answers = session.state.turns + 1
            session.answered_here += 1
            session.state = session.state.after_call(
                endpoint.cache_id, usage, now, endpoint.tier
            )

    def _settle(
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
            turn=route.state.turns,
            at=route.began,
            overhead=route.overhead,
            decision=route.decision,
            outcome=outcome,
        )
        route.session.calls.append(call)
        route.setup.record(call)
        _carry_out(route.spending.settle(outcome))


def _carry_out(steps: Generator[Step, Reply, None]) -> None:
    """Does what a generator of steps waits for; no call is sent here."""
    reply: Reply = None
    with contextlib.suppress(StopIteration):
        while True:
            step = steps.send(reply)
            assert isinstance(step, Blocking)
            try:
                reply = step.work()
            except Exception as error:
                reply = error


def _purpose(call: GatewayCall, session: SessionRecord) -> Purpose:
    """A step; of an agent, that is, with tools: what an agent's conversation asks
    without them is beside it, such as its title."""
    if call.tools:
        return Purpose.TURN
    if call.session_id is None:
        return Purpose.SINGLE
    aside = call.no_tools or session.tools_tokens
    return Purpose.SIDE if aside else Purpose.TURN


def _read(call: GatewayCall, purpose: Purpose, session: SessionRecord) -> SessionState:
    """Only a step of a conversation moves its state."""
    if purpose is Purpose.TURN and call.session_id is not None:
        return folding.advance(session, call.history, call.entries_of, call.fingerprint)
    return SessionState().fold(call.entries_of(call.history))
