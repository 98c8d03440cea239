"""One call from request to answer: all that sync and async routing share."""

from __future__ import annotations

import inspect
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

import httpx
from openhands.sdk.llm import LLM, LLMResponse, Message
from openhands.sdk.llm.call_context import resolve_llm_call_context
from openhands.sdk.llm.exceptions import LLMNoResponseError, LLMTimeoutError

from openhands_tiered_router.calls import clock
from openhands_tiered_router.calls.deadline import Deadline
from openhands_tiered_router.calls.errors import CallbackFailed, scrub
from openhands_tiered_router.calls.failover import Failover
from openhands_tiered_router.calls.flow import Call
from openhands_tiered_router.calls.steps import Reply, Send, Step, Steps
from openhands_tiered_router.calls.watch import BreakerChange, CallFacts
from openhands_tiered_router.policy.decision import Decision
from openhands_tiered_router.policy.economics.lifetime import hour_effect
from openhands_tiered_router.policy.outcome import Attempt, Outcome, Usage
from openhands_tiered_router.policy.request import Purpose, RoutingRequest
from openhands_tiered_router.policy.session import CHARS_PER_TOKEN, SessionState
from openhands_tiered_router.sdk import (
    answers_kept,
    caching,
    histories,
    messages as sdk_messages,
)
from openhands_tiered_router.sdk.answers import (
    cost_of,
    fault_of,
    is_unfinished,
    usage_of,
)
from openhands_tiered_router.sdk.entries import CallArguments, purpose_of
from openhands_tiered_router.sdk.setup import RouterSetup
from openhands_tiered_router.sdk.spending import longest_answer
from openhands_tiered_router.sdk.texts import known_secrets, of_endpoints, record_texts
from openhands_tiered_router.sdk.tool_choice import held_back
from openhands_tiered_router.tiers import Endpoint, Tier


logger = logging.getLogger(__name__)

_SDK_TIMEOUT: Final = LLM.model_fields["timeout"].default


@dataclass(slots=True)
class CallFlow:
    """Yields the attempts of one call of the SDK for a driver to carry out."""

    setup: RouterSetup
    llms: dict[str, LLM]
    usage_id: str
    arguments: CallArguments
    router_pin: Tier | None = None
    outer: str | None = None
    """The conversation in which the router was copied for this one: a sub-agent's."""
    listener: Callable[[int, int, BaseException | None], None] | None = None
    """The router's ``retry_listener``."""
    call: Call = field(init=False)
    first_token_at: float | None = None
    _sent_at: float = 0.0
    """Epoch seconds when the last attempt was sent."""
    _sent: float = 0.0
    """The same by the monotonic clock."""
    _deadline: Deadline | None = None
    _unfinished: bool = False
    """Whether the last attempt's stream ended without a reason."""
    _silent: LLMResponse | None = None
    """An answer that is paid for and empty: where all others are too, the caller gets
    it, as from a plain model. An agent then asks the model to go on."""
    _attempt_first: float | None = None
    _prompt: caching.Prompt | None = None

    def __post_init__(self) -> None:
        self.call = Call(setup=self.setup)

    def preview(self) -> Decision:
        """The decision alone; nothing is sent or booked."""
        return self.call.preview(self._read)

    def steps(self) -> Steps:
        """The call as a generator of steps; see ``calls.failover``."""
        call = self.call
        order = yield from call.admit(self._read)
        spending = call.spending
        first = order[0].key
        asked = answers_kept.sought(self, first)
        if asked is not None:
            kept = yield from answers_kept.found(self, first, asked)
            if kept is not None:
                self._record(Outcome(endpoint=first, attempts=(), cost=0.0), kept)
                return kept
        yield from spending.reserve(first)
        failover = Failover(
            order=order,
            health=self.setup.health_of,
            settings=self.setup.dispatch,
            repairable=histories.repairable,
            clock=clock.now,
            facts=self._facts(),
        )
        try:
            response = yield from failover.run()
        except GeneratorExit:
            spending.abandon(self._settle(failover, None))
            raise
        except Exception as error:
            yield from spending.settle(self._settle(failover, None))
            if isinstance(error, LLMNoResponseError) and self._silent is not None:
                return self._silent
            raise
        outcome = self._settle(failover, response)
        yield from spending.settle(outcome)
        if asked is not None and outcome is not None and outcome.endpoint == first:
            yield from answers_kept.kept(asked, response)
        return response

    def call_kwargs(self, step: Send) -> dict[str, Any]:
        """Keyword arguments for the endpoint's own ``generate`` or ``agenerate``."""
        on_token = self.arguments.on_token
        self._unfinished = False
        llm = self.llms[step.endpoint]
        self._sent_at, self._sent, self._attempt_first = (
            time.time(),
            time.monotonic(),
            None,
        )
        return {
            "messages": self._messages(step),
            "on_token": self._timed(on_token) if on_token else None,
            **self._timeout(llm, step.timeout),
            **_another_sample(llm, step.after),
            **self.arguments.kwargs(),
        }

    def deadline(self, step: Send) -> Deadline:
        """For this attempt, begun now. A tier's own retries each have as long."""
        llm, hang = self.llms[step.endpoint], step.timeout
        streamed = bool(self.arguments.on_token and llm.stream)
        whole = self._seconds(llm)
        if whole is not None:
            if hang is not None and not streamed:
                whole = min(whole, hang)
            retries = max(llm.num_retries, 1) - 1
            whole += retries * (whole + llm.retry_max_wait)
        self._deadline = Deadline(whole, hang if streamed else None)
        return self._deadline

    def _seconds(self, llm: LLM) -> float | None:
        """For one answer: the caller's, the model's own, or those of ``[dispatch]``."""
        asked = self.arguments.extra.get("timeout", llm.timeout)
        if asked == _SDK_TIMEOUT:
            return min(asked, self.setup.dispatch.attempt_timeout)
        return asked if isinstance(asked, int | float) else None

    def checked(self, reply: Reply) -> Reply:
        """The reply, or what is wrong with it."""
        fault = fault_of(reply, unfinished=self._unfinished)
        if isinstance(fault, LLMNoResponseError) and usage_of(reply).prompt:
            self._silent = reply
        return fault or reply

    def overdue(self, step: Step) -> Exception:
        """The SDK's error for an attempt that took too long."""
        seconds = time.monotonic() - self._sent
        name = step.endpoint if isinstance(step, Send) else "the call"
        return LLMTimeoutError(f"{name}: no whole answer in {seconds:.0f} s")

    def scrubbed(self, step: Step, error: Exception) -> Exception:
        """The error without what the endpoint was sent in confidence."""
        if not isinstance(step, Send) or isinstance(error, CallbackFailed):
            return error
        secrets = {s for s in of_endpoints([self.llms[step.endpoint]]) if len(s) > 3}
        return scrub(error, secrets)

    def _timeout(self, llm: LLM, most: float | None) -> dict[str, httpx.Timeout]:
        """Less time to connect than to answer, for providers where litellm can tell
        the two apart (OpenAI, Azure, Bedrock); for others it takes the longer one."""
        limits = (self._seconds(llm), most)
        seconds = min((t for t in limits if t is not None), default=None)
        if seconds is None:
            return {}
        connect = min(self.setup.dispatch.connect_timeout, seconds)
        return {"timeout": httpx.Timeout(seconds, connect=connect)}

    def _facts(self) -> CallFacts:
        return CallFacts(
            prompt_tokens=self.call.prompt_tokens,
            answer_tokens=round(longest_answer()),
            streams=lambda e: bool(self.arguments.on_token and self.llms[e.key].stream),
            usage=usage_of,
            first_token=self._first_token,
            own_attempts=lambda e: self.llms[e.key].num_retries > 0,
            retrying=self._retrying,
        )

    def _retrying(self, endpoint: Endpoint, attempts: int, error: Exception) -> None:
        """Tells the listeners of that endpoint and of the router, as the SDK does."""
        listeners = [self.llms[endpoint.key].retry_listener, self.listener]
        for i, listener in enumerate(listeners):
            if listener is not None and listener not in listeners[:i]:
                listener(attempts, max(attempts + 1, len(self.llms)), error)

    def _first_token(self) -> float | None:
        first = self._attempt_first
        return None if first is None else first - self._sent

    def _read(self) -> RoutingRequest:
        arguments, call = self.arguments, self.call
        tools = arguments.tools or ()
        context = resolve_llm_call_context(arguments.call_context)
        call.session_id = context.session_id
        call.conversation = self.outer or context.session_id
        call.purpose = purpose_of(context.session_id, tools, self.usage_id)
        if context.session_id is not None:
            call.session = self.setup.fleet.session(context.session_id)
        if tools:
            sdk_messages.learn_tools(call.session, tools)
        call.state = self._read_history(arguments.messages)
        return call.request(
            tools=bool(tools),
            tools_tokens=call.session.tools_tokens or 0,
            pin=self._pin(),
        )

    def _pin(self) -> Tier | None:
        """This call's own pin, else the router's, which is meant for turns."""
        if self.arguments.pin is None and self.call.purpose is not Purpose.SIDE:
            return self.router_pin
        return self.arguments.pin

    def _read_history(self, messages: list[Message]) -> SessionState:
        """Only a step of the conversation moves its state."""
        if self.call.purpose is Purpose.TURN:
            return sdk_messages.advance(self.call.session, messages)
        return sdk_messages.fresh_state(messages)

    def _messages(self, step: Send) -> list[Message]:
        try:
            adapted = histories.messages_for(
                self.call.session,
                self.setup.endpoint(step.endpoint).cache_id,
                self.llms[step.endpoint],
                self.arguments.messages,
                responses=self.arguments.over_responses(self.llms[step.endpoint]),
                rejected=step.after,
                shortens=self.setup.tokens.handover,
            )
        except Exception as error:
            name = type(error).__name__
            logger.error("history adaptation failed with %s; sent as it is", name)
            adapted = self.arguments.messages
        self._count_left_out(adapted)
        return self._marked(step.endpoint, adapted)

    def _count_left_out(self, messages: list[Message]) -> None:
        """For reports; a conversation without ``[tokens]`` pays nothing for it."""
        tokens, call = self.setup.tokens, self.call
        try:
            if tokens.filter or tokens.mask or tokens.handover:
                chars = sdk_messages.left_out_of(messages)
                call.spared_results = chars // CHARS_PER_TOKEN
            if tokens.tool_tokens is not None:
                call.spared_schemas = held_back(self.arguments.tools or ())
        except Exception as error:
            logger.error("what was left out: not counted: %s", type(error).__name__)

    def _marked(self, key: str, messages: list[Message]) -> list[Message]:
        """With the cache directives that the endpoint needs."""
        self._prompt = None
        try:
            self._prompt = caching.prompt_for(
                self.call.session,
                self.setup.endpoint(key),
                self.llms[key],
                messages,
                self.setup.cache,
                self.call.decision.lifetime(key),
                time.time(),
                responses=self.arguments.over_responses(self.llms[key]),
            )
            return self._prompt.messages
        except Exception as error:
            logger.error("prompt not marked for caching: %s", type(error).__name__)
            return messages

    def _timed(self, on_token: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def timed(chunk: Any) -> Any:
            self._unfinished = self._unfinished or is_unfinished(chunk)
            if self._deadline is not None:
                self._deadline.progress()
            if self._attempt_first is None:
                self._attempt_first = time.monotonic()
                self.first_token_at = self.first_token_at or time.time()
            try:
                done = on_token(chunk)
            except Exception as error:
                raise CallbackFailed from error
            return _awaited(done) if inspect.isawaitable(done) else done

        return timed

    def _note(self, changes: list[BreakerChange]) -> None:
        """Records breakers that opened or closed; must not raise."""
        for change in changes:
            self.setup.recorder.note(
                "breaker",
                "opened" if change.error else "closed",
                conversation_id=self.call.session_id,
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
        outcome = self.call.outcome(
            attempts,
            endpoint=answered,
            usage=usage_of(response) if response else Usage(),
            cost=cost_of(llm, response) if llm and response else None,
            first_token=self.first_token_at,
            response_id=response.id if response else None,
        )
        if answered is None or response is None:
            return outcome
        endpoint = self.setup.endpoint(answered)
        paid, saved = hour_effect(
            endpoint,
            self.call.state.warm.get(endpoint.cache_id),
            outcome.usage,
            ttl=self._prompt.ttl if self._prompt else None,
            started=self._sent_at,
        )
        return replace(outcome, hour_paid=paid, hour_saved=saved)

    def _learn(self, outcome: Outcome, response: LLMResponse) -> None:
        call, key = self.call, outcome.endpoint
        if key is None or call.session_id is None:
            return
        endpoint, prompt = self.setup.endpoint(key), self._prompt
        self.setup.fleet.note_response(response.id, call.session_id)
        call.session.authors.record(response.message, endpoint.cache_id)
        if prompt is not None and call.purpose is Purpose.TURN:
            caching.note_end(call.session, endpoint, prompt, outcome.usage)
        ttl = prompt.ttl if prompt else None
        call.learn(endpoint, outcome.usage, sent_at=self._sent_at, ttl=ttl)

    def _record(self, outcome: Outcome, response: LLMResponse | None) -> None:
        call = self.call.record(outcome)
        most = self.setup.text_bytes
        if most is not None:
            asked, recorder = self.arguments.messages, self.setup.recorder
            secrets = partial(known_secrets, call.session_id, self.outer, self.llms)
            record_texts(recorder, call, asked, response, most=most, secrets=secrets)


async def _awaited(done: Awaitable[Any]) -> Any:
    try:
        return await done
    except Exception as error:
        raise CallbackFailed from error


def _another_sample(llm: LLM, after: Exception | None) -> dict[str, float]:
    """As the SDK asks again after an empty answer: not with temperature 0, by which
    it would be empty again."""
    if not isinstance(after, LLMNoResponseError) or llm.temperature != 0:
        return {}
    return {"temperature": 1.0}
