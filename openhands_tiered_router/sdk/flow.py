"""One call from request to answer: all that sync and async routing share."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
from openhands.sdk.llm import LLM, LLMResponse, Message
from openhands.sdk.llm.call_context import LLMCallContext, resolve_llm_call_context
from openhands.sdk.tool import ToolDefinition

from openhands_tiered_router.calls.call import CallFacts
from openhands_tiered_router.calls.errors import CallbackFailed
from openhands_tiered_router.calls.failover import Failover, Send, Steps
from openhands_tiered_router.calls.fleet import RoutedCall, SessionRecord
from openhands_tiered_router.calls.health.line import ANYONE
from openhands_tiered_router.calls.watch import BreakerChange
from openhands_tiered_router.policy.decision import Attempt, Decision, Outcome, Usage
from openhands_tiered_router.policy.request import Purpose, RoutingRequest
from openhands_tiered_router.policy.session import SessionState
from openhands_tiered_router.record.telemetry.ids import new_decision_id
from openhands_tiered_router.sdk import (
    caching,
    histories,
    messages as sdk_messages,
    usage,
)
from openhands_tiered_router.sdk.secrets import known_secrets
from openhands_tiered_router.sdk.setup import RouterSetup
from openhands_tiered_router.sdk.spending import Caller, Quote, Spending, quotes
from openhands_tiered_router.sdk.texts import record_texts
from openhands_tiered_router.tiers import Endpoint, Tier


logger = logging.getLogger(__name__)

ASK_AGENT_USAGE_ID = "ask-agent-llm"
"""Usage id that the SDK gives the copy which answers ``conversation.ask_agent``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallArguments:
    """What the caller of ``generate`` passed."""

    messages: list[Message]
    tools: Sequence[ToolDefinition] | None = None
    include: list[str] | None = None
    store: bool | None = None
    add_security_risk_prediction: bool = False
    on_token: Callable[[Any], Any] | None = None
    call_context: LLMCallContext | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    pin: Tier | None = None


@dataclass(slots=True)
class CallFlow:
    """Decides, yields the attempts for a driver to carry out, and keeps the books.

    Nothing that goes wrong in here, short of the endpoints themselves failing, ends
    the call: it is logged, and the call goes to the default tier.
    """

    setup: RouterSetup
    llms: dict[str, LLM]
    usage_id: str
    arguments: CallArguments
    router_pin: Tier | None = None
    outer: str | None = None
    """The conversation in which the router was copied for this one: a sub-agent's."""
    decision: Decision = field(init=False)
    first_token_at: float | None = None
    _session: SessionRecord = field(default_factory=SessionRecord)
    _session_id: str | None = None
    _purpose: Purpose = Purpose.SINGLE
    _state: SessionState = field(default_factory=SessionState)
    _began: float = 0.0
    _overhead: float = 0.0
    _prompt_tokens: int = 0
    _sent_at: float = 0.0
    _attempt_first: float | None = None
    _prompt: caching.Prompt | None = None

    def preview(self) -> Decision:
        """The decision alone; nothing is sent or booked."""
        self._began = time.time()
        return self._decide(self._prepared())

    def steps(self) -> Steps:
        """The call as a generator of steps; see ``dispatch.failover``."""
        self._began = time.time()
        started = time.perf_counter()
        request = self._prepared()
        spending = self._spending()
        yield from spending.admit()
        self.decision = self._decide(spending.capped(request))
        self._overhead = time.perf_counter() - started
        order = spending.order(self._order())
        yield from spending.reserve(order[0].key)
        failover = Failover(
            order=order,
            health=self.setup.health_of,
            settings=self.setup.dispatch,
            repairable=histories.repairable,
            clock=time.time,
            facts=self._facts(),
        )
        try:
            response = yield from failover.run()
        except GeneratorExit:
            spending.abandon(self._settle(failover, None))
            raise
        except Exception:
            yield from spending.settle(self._settle(failover, None))
            raise
        yield from spending.settle(self._settle(failover, response))
        return response

    def call_kwargs(self, step: Send) -> dict[str, Any]:
        """Keyword arguments for the endpoint's own ``generate`` or ``agenerate``."""
        arguments = self.arguments
        on_token = arguments.on_token
        self._sent_at, self._attempt_first = time.time(), None
        return {
            "messages": self._messages(step),
            "tools": arguments.tools,
            "include": arguments.include,
            "store": arguments.store,
            "add_security_risk_prediction": arguments.add_security_risk_prediction,
            "on_token": self._timed(on_token) if on_token else None,
            "call_context": arguments.call_context,
            **self._timeout(self.llms[step.endpoint], step.timeout),
            **arguments.extra,
        }

    def _timeout(self, llm: LLM, most: float | None) -> dict[str, httpx.Timeout]:
        """Less time to connect than to answer, for providers where litellm can tell
        the two apart (OpenAI, Azure, Bedrock); for others it takes the longer one."""
        seconds = min((t for t in (llm.timeout, most) if t is not None), default=None)
        if seconds is None:
            return {}
        connect = min(self.setup.dispatch.connect_timeout, seconds)
        return {"timeout": httpx.Timeout(seconds, connect=connect)}

    def _facts(self) -> CallFacts:
        warm = {c.endpoint: c.warm_tokens for c in self.decision.candidates}
        return CallFacts(
            session=self._session_id or ANYONE,
            prompt_tokens=self._prompt_tokens,
            warm_tokens=lambda endpoint: warm.get(endpoint.key, 0),
            streams=lambda e: bool(self.arguments.on_token and self.llms[e.key].stream),
            usage=usage.usage_of,
            first_token=self._first_token,
        )

    def _first_token(self) -> float | None:
        first = self._attempt_first
        return None if first is None else first - self._sent_at

    def _prepared(self) -> RoutingRequest | str:
        """The request, or the type of what went wrong with reading the call."""
        try:
            return self._prepare()
        except Exception as error:
            return type(error).__name__

    def _decide(self, request: RoutingRequest | str) -> Decision:
        fault = request
        if isinstance(request, RoutingRequest):
            try:
                return self.setup.decide(request, self._state, now=self._began)
            except Exception as error:
                fault = type(error).__name__
        # The type alone: a message could quote the prompt.
        logger.error("routing failed with %s; default tier serves", fault)
        return self.setup.fallback_decision(str(fault))

    def _spending(self) -> Spending:
        """The budgets that count the call."""
        return self.setup.spending(
            Caller(
                conversation=self.outer or self._session_id,
                session=self._session_id,
                purpose=self._purpose,
                new_request=self._state.after_user,
            ),
            self._quotes,
        )

    def _quotes(self) -> dict[str, Quote]:
        return quotes(
            self.setup.endpoints.values(),
            self._state,
            prompt=self._prompt_tokens,
            is_turn=self._purpose is Purpose.TURN,
            now=self._began,
            look_back=self.setup.engine.policy.cache_look_back,
        )

    def _prepare(self) -> RoutingRequest:
        arguments = self.arguments
        tools = arguments.tools or ()
        context = resolve_llm_call_context(arguments.call_context)
        self._session_id = context.session_id
        self._purpose = _purpose(context.session_id, tools, self.usage_id)
        if context.session_id is not None:
            self._session = self.setup.fleet.session(context.session_id)
        if tools:
            sdk_messages.learn_tools(self._session, tools)
        tools_tokens = self._session.tools_tokens or 0
        self._state = self._read_history(arguments.messages)
        self._prompt_tokens = sdk_messages.prompt_tokens(self._state, tools_tokens)
        return RoutingRequest(
            session_id=context.session_id,
            purpose=self._purpose,
            prompt_tokens=self._prompt_tokens,
            images=self._state.images,
            needs_tools=bool(tools),
            pin=self._pin(),
            workspace=self._session.workspace,
        )

    def _pin(self) -> Tier | None:
        """This call's own pin, else the router's, which is meant for turns."""
        if self.arguments.pin is None and self._purpose is not Purpose.SIDE:
            return self.router_pin
        return self.arguments.pin

    def _read_history(self, messages: list[Message]) -> SessionState:
        """Only a step of the conversation moves its state."""
        if self._purpose is Purpose.TURN:
            return sdk_messages.advance(self._session, messages)
        return sdk_messages.fresh_state(messages)

    def _order(self) -> list[Endpoint]:
        keys = (self.decision.endpoint, *self.decision.fallbacks)
        return [self.setup.endpoint(key) for key in keys]

    def _messages(self, step: Send) -> list[Message]:
        try:
            adapted = histories.messages_for(
                self._session,
                self.setup.endpoint(step.endpoint).cache_id,
                self.llms[step.endpoint],
                self.arguments.messages,
                rejected=step.after,
            )
        except Exception as error:
            name = type(error).__name__
            logger.error("history adaptation failed with %s; sent as it is", name)
            adapted = self.arguments.messages
        return self._marked(step.endpoint, adapted)

    def _marked(self, key: str, messages: list[Message]) -> list[Message]:
        """With what the endpoint's prompt cache needs to be told."""
        self._prompt = None
        try:
            self._prompt = caching.prompt_for(
                self._session,
                self.setup.endpoint(key),
                self.llms[key],
                messages,
                self.setup.cache,
                self.decision.cache_ttl,
            )
            return self._prompt.messages
        except Exception as error:
            logger.error("prompt not marked for caching: %s", type(error).__name__)
            return messages

    def _timed(self, on_token: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def timed(chunk: Any) -> Any:
            if self._attempt_first is None:
                self._attempt_first = time.time()
                self.first_token_at = self.first_token_at or self._attempt_first
            try:
                return on_token(chunk)
            except Exception as error:
                raise CallbackFailed from error

        return timed

    def _note(self, changes: list[BreakerChange]) -> None:
        """Puts breakers that opened or closed on record; must not raise."""
        for change in changes:
            self.setup.recorder.note(
                "breaker",
                "opened" if change.error else "closed",
                conversation_id=self._session_id,
                time=change.at,
                endpoint=change.endpoint,
                error=str(change.error or ""),
            )

    def _settle(
        self, failover: Failover, response: LLMResponse | None
    ) -> Outcome | None:
        """Books the outcome; must not raise: the answer is already paid for."""
        outcome: Outcome | None = None
        try:
            outcome = self._outcome(failover.attempts, response)
            if response is not None:
                self._learn(outcome, response)
            self._record(outcome, response)
        except Exception as error:
            logger.error("outcome not recorded: %s", type(error).__name__)
        self._note(failover.changes)
        return outcome

    def _outcome(
        self, attempts: list[Attempt], response: LLMResponse | None
    ) -> Outcome:
        answered = next((a.endpoint for a in attempts if a.error is None), None)
        llm = self.llms[answered] if answered and response else None
        first = self.first_token_at
        return Outcome(
            endpoint=answered,
            attempts=tuple(attempts),
            usage=usage.usage_of(response) if response else Usage(),
            cost=usage.cost_of(llm, response) if llm and response else None,
            seconds=time.time() - self._began,
            first_token_seconds=None if first is None else first - self._began,
            response_id=response.id if response else None,
        )

    def _learn(self, outcome: Outcome, response: LLMResponse) -> None:
        key = outcome.endpoint
        if key is None or self._session_id is None:
            return
        endpoint, prompt = self.setup.endpoint(key), self._prompt
        cache_id = endpoint.cache_id
        self.setup.fleet.note_response(response.id, self._session_id)
        self._session.authors.record(response.message, cache_id)
        if self._purpose is not Purpose.TURN:
            return
        if prompt is not None:
            caching.note_end(self._session, endpoint, prompt, outcome.usage)
        with self._session.lock:
            state = self._session.state
            self._session.answers = state.turns + 1
            self._session.state = state.after_call(
                cache_id,
                outcome.usage,
                time.time(),
                endpoint.tier,
                prompt.ttl if prompt else None,
            )

    def _record(self, outcome: Outcome, response: LLMResponse | None) -> None:
        call = RoutedCall(
            decision_id=new_decision_id(),
            session_id=self._session_id,
            purpose=self._purpose,
            turn=self._state.turns,
            at=self._began,
            overhead=self._overhead,
            decision=self.decision,
            outcome=outcome,
        )
        self._session.calls.append(call)
        self.setup.record(call)
        if self.setup.text_bytes is not None:
            self._record_texts(call, response, self.setup.text_bytes)

    def _record_texts(
        self, call: RoutedCall, response: LLMResponse | None, most: int
    ) -> None:
        try:
            record_texts(
                self.setup.recorder,
                call,
                self.arguments.messages,
                response,
                most=most,
                secrets=known_secrets(self._session_id, self.outer, self.llms),
            )
        except Exception as error:
            logger.error("texts not recorded: %s", type(error).__name__)


def _purpose(
    session_id: str | None, tools: Sequence[ToolDefinition], usage_id: str
) -> Purpose:
    """Why a call is made: an agent's step always offers tools, side requests none."""
    if session_id is None:
        return Purpose.SINGLE
    if usage_id == ASK_AGENT_USAGE_ID:
        return Purpose.ASK
    return Purpose.TURN if tools else Purpose.SIDE
