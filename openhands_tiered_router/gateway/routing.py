"""Deciding for HTTP requests, and booking what became of them; knows no LiteLLM proxy.

The requests of a conversation share a record, by the id that the client sends, like
an SDK conversation's calls do.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from openhands_tiered_router.calls import clock, folding
from openhands_tiered_router.calls.errors import kind_of, retry_after
from openhands_tiered_router.calls.fleet import SessionRecord
from openhands_tiered_router.calls.flow import Call
from openhands_tiered_router.calls.health.breaker import Permit
from openhands_tiered_router.calls.health.endpoint import EndpointHealth
from openhands_tiered_router.calls.settings import StateSettings
from openhands_tiered_router.calls.state.stores import durable_store_for
from openhands_tiered_router.calls.steps import Blocking, Reply, Step
from openhands_tiered_router.gateway.answers import Answer, Answers
from openhands_tiered_router.gateway.arrival import Arrivals, left_out
from openhands_tiered_router.gateway.call import GatewayCall, Wire
from openhands_tiered_router.gateway.clients import Client
from openhands_tiered_router.gateway.settings import WORKERS
from openhands_tiered_router.policy.decision import Decision, Reason
from openhands_tiered_router.policy.economics.keep_alive import (
    due_after,
    worth_pinging,
)
from openhands_tiered_router.policy.outcome import Attempt, ErrorKind, Usage
from openhands_tiered_router.policy.request import Purpose, RoutingRequest
from openhands_tiered_router.policy.session import CHARS_PER_TOKEN, SessionState
from openhands_tiered_router.sdk.setup import RouterSetup


logger = logging.getLogger(__name__)


class PingRefused(Exception):
    """A cache is not to be kept alive."""


@dataclass(slots=True, kw_only=True)
class Route(Call):
    """One request on its way."""

    setup: RouterSetup  # pyright: ignore[reportIncompatibleVariableOverride]
    call: GatewayCall
    order: list[str] = field(default_factory=list)
    """Keys of the endpoints to try, best first."""
    attempts: list[Attempt] = field(default_factory=list)
    permits: dict[str, Permit] = field(default_factory=dict)
    """By endpoint key, what the breaker said when the request set out."""
    sent_at: float = 0.0
    bodies: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By endpoint key, what was sent, where its cache may have to be kept alive."""


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
        self._answers = Answers(lambda: durable_store_for(self.state))
        self._arrivals = Arrivals()

    @property
    def state(self) -> StateSettings:
        """Where processes share what they count, and the clients' keys are."""
        return self._setup().state

    def may_continue(self, call: GatewayCall) -> bool | None:
        """Whether the answer that the call continues is its client's; ``None``: it is
        not known whose it is."""
        given = self._answers.find(call.continues or "")
        return None if given is None else given.client == _name(call.client)

    def shortened(self, route: Route, body: Mapping[str, Any]) -> dict[str, Any]:
        """The fields of a request to send instead with ``[tokens] filter``; none on a
        fault of ours."""
        messages = body.get("messages")
        if not self._setup().tokens.filter or not isinstance(messages, list):
            return {}
        try:
            short = self._arrivals.shortened(route.call, messages)
            if short is not None:
                spared = left_out(route.call, messages, short)
                route.spared_results = spared // CHARS_PER_TOKEN
        except Exception as error:
            # The type alone: a message could quote a result.
            logger.error("tool results not shortened: %s", type(error).__name__)
            return {}
        return {} if short is None else {"messages": short}

    def set_out(self, call: GatewayCall) -> Route:
        """Decides; what goes wrong in here sends the request to the default tier.

        Raises:
            MaxBudgetReached: A budget does not allow the call; says how to go on.
        """
        return self._set_out(call)

    def _set_out(
        self, call: GatewayCall, purpose: Purpose | None = None, only: str | None = None
    ) -> Route:
        setup, session = self._setup(), SessionRecord()
        if call.client is not None:
            budgets = (*setup.budgets, *call.client.budgets())
            setup = replace(setup, budgets=budgets)
        if call.session_id is not None:
            session = setup.fleet.session(call.session_id)
        route = Route(
            setup=setup,
            call=call,
            session_id=call.session_id,
            conversation=call.conversation,
            purpose=purpose or _purpose(call, session),
            session=session,
        )
        able = _carry_out(
            route.admit(partial(self._read, route), partial(self._bound, only, route))
        )
        cap = route.decision.cap
        if only is not None and cap is not None and setup.endpoint(only).tier > cap:
            raise PingRefused  # the next turn will go elsewhere
        route.order = self._admitted(route, [e.key for e in able])
        try:
            _carry_out(route.spending.reserve(route.order[0]))
        except BaseException:
            self._release(route)
            raise
        route.sent_at = clock.now()
        return route

    @property
    def keeps_alive(self) -> bool:
        """Whether caches are kept alive: by ``[cache] keep_alive``, in one process."""
        return self._setup().cache.keep_alive and not os.environ.get(WORKERS)

    def ping_due(self, call: GatewayCall, key: str) -> float | None:
        """When the endpoint's cache of a conversation is to be used again, epoch
        seconds; ``None``: it holds none, or the configuration has no such endpoint."""
        setup = self._setup()
        if call.session_id is None or key not in setup.endpoints:
            return None
        endpoint = setup.endpoint(key)
        warm = setup.fleet.session(call.session_id).state.warm.get(endpoint.cache_id)
        return None if warm is None else warm.used_at + due_after(endpoint)

    def worth_pinging(
        self, call: GatewayCall, key: str, *, pings: int, asked: bool
    ) -> bool:
        """See ``policy.economics.keep_alive``; now is when it is due."""
        due = self.ping_due(call, key)
        if due is None or clock.now() < due or call.session_id is None:
            return False  # a request of the conversation came meanwhile
        setup = self._setup()
        endpoint = setup.endpoint(key)
        state = setup.fleet.session(call.session_id).state
        if clock.now() - due > endpoint.cache_ttl - due_after(endpoint):
            return False  # too late: it is dead
        return worth_pinging(state, endpoint, pings=pings, asked=asked)

    def set_out_ping(self, call: GatewayCall, key: str) -> Route:
        """Books a ping like any request; it goes to that endpoint alone.

        Raises:
            MaxBudgetReached: A budget does not allow it.
            PingRefused: A budget has the conversation go on below that tier.
        """
        return self._set_out(call, Purpose.KEEP_ALIVE, key)

    def failed(self, route: Route, key: str, error: Exception) -> None:
        """An endpoint failed; another may be tried. LiteLLM tells of some twice."""
        if any(attempt.endpoint == key for attempt in route.attempts):
            return
        now, kind = clock.now(), kind_of(error)
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
        now, sent_at = clock.now(), route.sent_at
        permit = route.permits.pop(key, Permit.FREE)
        health = self._health(route, key)
        health.breaker.succeeded(now, began=route.sent_at, permit=permit)
        self._release(route)
        self._attempted(route, key, None, now)
        if response_id is not None and route.call.wire is Wire.RESPONSES:
            self._answers.gave(response_id, Answer(_name(route.call.client), key))
        endpoint = route.setup.endpoint(key)
        route.learn(endpoint, usage, sent_at=sent_at)
        if route.purpose is Purpose.KEEP_ALIVE:
            with route.session.lock:
                state = route.session.state.kept_alive(endpoint.cache_id, sent_at)
                route.session.state = state
        self._settle(route, key, usage, cost, first_token, response_id)

    def gave_up(self, route: Route, *, left: bool = False) -> None:
        """No endpoint answered; ``left``: the client went while one was at it, which
        may be charged for."""
        self._release(route)
        under_way = route.order[len(route.attempts) :]
        if left and under_way:
            self._attempted(route, under_way[0], ErrorKind.CANCELLED, clock.now())
        self._settle(route, None, Usage(), None, None, None)

    def wrote(self, route: Route, key: str) -> bool:
        """Whether that endpoint alone is known to have written the history: what other
        workers and replicas had written is not known here."""
        served = route.session.state.warm.keys()
        alone = route.session.answered_here >= route.state.turns
        return alone and served == {route.setup.endpoint(key).cache_id}

    def _read(self, route: Route) -> RoutingRequest:
        call, session = route.call, route.session
        is_first = route.purpose is Purpose.TURN and not session.tools_tokens
        if is_first:
            session.state = session.state.knowing(call.tools)
        route.state = _read_history(call, route.purpose, session)
        if is_first:
            session.tools_tokens = call.tools_tokens()
            session.workspace = self._allowed(call.workspace())
        return route.request(
            tools=bool(call.tools),
            tools_tokens=session.tools_tokens or 0 if call.tools else 0,
            pin=call.pin,
            marks_cache=False,
        )

    def _admitted(self, route: Route, keys: list[str]) -> list[str]:
        """The endpoints whose breakers let the request pass, best first; all of them
        if none does: without a router it would have gone out too.
        """
        for key in keys:
            breaker = self._health(route, key).breaker
            permit = breaker.acquire(clock.now())
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

    def _bound(self, only: str | None, route: Route, decision: Decision) -> Decision:
        """A history that a provider keeps can go on nowhere else, nor can a ping."""
        continues = route.call.continues
        given = self._answers.find(continues) if continues else None
        key = given.endpoint if given else ""
        reason = Reason("continues", "its provider keeps the history")
        if only is not None:
            key, reason = only, Reason("keep-alive", "its provider caches the prompt")
        if key not in route.setup.endpoints:
            return decision
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

    def _settle(
        self,
        route: Route,
        key: str | None,
        usage: Usage,
        cost: float | None,
        first_token: float | None,
        response_id: str | None,
    ) -> None:
        outcome = route.outcome(
            route.attempts,
            endpoint=key,
            usage=usage,
            cost=cost,
            first_token=first_token,
            response_id=response_id,
        )
        route.record(outcome)
        _carry_out(route.spending.settle(outcome))


def _carry_out[T](steps: Generator[Step, Reply, T]) -> T:
    """Does what a generator of steps waits for; no call is sent here."""
    reply: Reply = None
    while True:
        try:
            step = steps.send(reply)
        except StopIteration as done:
            return done.value
        assert isinstance(step, Blocking)
        try:
            reply = step.work()
        except Exception as error:
            reply = error


def _name(client: Client | None) -> str | None:
    return None if client is None else client.name


def _purpose(call: GatewayCall, session: SessionRecord) -> Purpose:
    """A step; of an agent, that is, with tools: what an agent's conversation asks
    without them is beside it, such as its title."""
    if call.tools:
        return Purpose.TURN
    if call.session_id is None:
        return Purpose.SINGLE
    aside = call.no_tools or session.tools_tokens
    return Purpose.SIDE if aside else Purpose.TURN


def _read_history(
    call: GatewayCall, purpose: Purpose, session: SessionRecord
) -> SessionState:
    """Only a step of a conversation moves its state."""
    if purpose is Purpose.TURN and call.session_id is not None:
        return folding.advance(session, call.history, call.entries_of, call.fingerprint)
    return SessionState().fold(call.entries_of(call.history))
