"""One routed call, whichever front it came by: what the SDK and the gateway share.

A front reads its own kind of request into a ``Call``, sends what the call decides,
and says what came of it.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from openhands_tiered_router.calls.fleet import Fleet, RoutedCall, SessionRecord
from openhands_tiered_router.calls.health.endpoint import EndpointHealth
from openhands_tiered_router.calls.steps import Reply, Step
from openhands_tiered_router.policy.decision import Decision
from openhands_tiered_router.policy.economics.costs import prompt_rate
from openhands_tiered_router.policy.outcome import Attempt, Outcome, Usage
from openhands_tiered_router.policy.request import Purpose, RoutingRequest
from openhands_tiered_router.policy.session import SessionState
from openhands_tiered_router.tiers import Endpoint, Tier


logger = logging.getLogger(__name__)


def new_decision_id() -> str:
    """A UUID of version 7 (RFC 9562): ids sort by the time, in ms, they were made at.

    Neighbours in time are then neighbours in the file's index. The standard library
    has it from Python 3.14 on.
    """
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10))
    value = (milliseconds & (1 << 48) - 1) << 80 | random
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return str(UUID(int=value))


class Spending(Protocol):
    """The budgets' part in one call."""

    def admit(self) -> Generator[Step, Reply, None]: ...

    def capped(self, request: RoutingRequest) -> RoutingRequest: ...

    def order(self, endpoints: Sequence[Endpoint]) -> list[Endpoint]: ...

    def reserve(self, endpoint: str) -> Generator[Step, Reply, None]: ...

    def settle(self, outcome: Outcome | None) -> Generator[Step, Reply, None]: ...

    def abandon(self, outcome: Outcome | None) -> None: ...


class Setup(Protocol):
    """What calls need of the router that they go through."""

    @property
    def endpoints(self) -> Mapping[str, Endpoint]: ...

    @property
    def fleet(self) -> Fleet: ...

    def decide(
        self, request: RoutingRequest, state: SessionState, *, now: float
    ) -> Decision: ...

    def fallback_decision(self, error: str) -> Decision: ...

    def health_of(self, endpoint: Endpoint) -> EndpointHealth: ...

    def spending(self, call: Call) -> Spending: ...

    def record(self, call: RoutedCall) -> None: ...


@dataclass(slots=True, kw_only=True)
class Call:
    """Decides, asks the budgets, and keeps the books of one call.

    Nothing that goes wrong in here ends the call: it is logged, and the call goes to
    the default tier.
    """

    setup: Setup
    """What was in force when the call began: it ends on that."""
    session_id: str | None = None
    """The conversation whose history it continues."""
    conversation: str | None = None
    """The outermost conversation, whose budgets it spends: a sub-agent's parent."""
    purpose: Purpose = Purpose.SINGLE
    session: SessionRecord = field(default_factory=SessionRecord)
    state: SessionState = field(default_factory=SessionState)
    """What went before."""
    prompt_tokens: int = 0
    """Estimate."""
    began: float = field(default_factory=time.time)
    """Epoch seconds."""
    decision_id: str = field(default_factory=new_decision_id)
    decision: Decision = field(init=False)
    spending: Spending = field(init=False)
    overhead: float = 0.0
    """Seconds that the decision took, history included."""
    spared_results: int = 0
    spared_schemas: int = 0
    """Tokens that the front left out of the prompt; see ``Outcome``."""

    def request(
        self,
        *,
        tools: bool,
        tools_tokens: int,
        pin: Tier | None,
        marks_cache: bool = True,
    ) -> RoutingRequest:
        """What the engine is asked, once the history is read.

        Args:
            tools: Whether the model is offered any.
            tools_tokens: Size of their schemas.
            pin: The tier that the caller asks for.
            marks_cache: See ``RoutingRequest``.
        """
        self.prompt_tokens = self.state.expected_prompt(tools_tokens)
        return RoutingRequest(
            session_id=self.session_id,
            purpose=self.purpose,
            prompt_tokens=self.prompt_tokens,
            images=self.state.images,
            needs_tools=tools,
            pin=pin,
            workspace=self.session.workspace,
            marks_cache=marks_cache,
        )

    def admit(
        self,
        read: Callable[[], RoutingRequest],
        bound: Callable[[Decision], Decision] = lambda decision: decision,
    ) -> Generator[Step, Reply, list[Endpoint]]:
        """Reads the request, asks the budgets and decides.

        Args:
            read: The front's reading of its request.
            bound: What the front knows that leaves no choice.

        Returns:
            The endpoints to try, best first.

        Raises:
            MaxBudgetReached: A budget does not allow the call; says how to go on.
        """
        started = time.perf_counter()
        request = self._read(read)
        spending = self.spending = self.setup.spending(self)
        yield from spending.admit()
        if isinstance(request, RoutingRequest):
            request = spending.capped(request)
        self.decision = bound(self._decide(request))
        self.overhead = time.perf_counter() - started
        keys = (self.decision.endpoint, *self.decision.fallbacks)
        return spending.order([self.setup.endpoints[key] for key in keys])

    def preview(self, read: Callable[[], RoutingRequest]) -> Decision:
        """The decision alone; nothing is spent or booked."""
        return self._decide(self._read(read))

    def outcome(
        self,
        attempts: Sequence[Attempt],
        *,
        endpoint: str | None,
        usage: Usage,
        cost: float | None,
        first_token: float | None,
        response_id: str | None,
    ) -> Outcome:
        """What became of the call, as of now.

        Args:
            attempts: In the order in which they were made.
            endpoint: Key of the one that answered.
            usage: Tokens of its answer.
            cost: USD of its answer.
            first_token: Epoch seconds at which its stream began.
            response_id: The provider's name for its answer.
        """
        prices = self.setup.endpoints[endpoint].prices if endpoint else None
        spared = self.spared_results + self.spared_schemas
        return Outcome(
            endpoint=endpoint,
            attempts=tuple(attempts),
            usage=usage,
            cost=cost,
            seconds=time.time() - self.began,
            first_token_seconds=None
            if first_token is None
            else first_token - self.began,
            response_id=response_id,
            spared_results=self.spared_results,
            spared_schemas=self.spared_schemas,
            spared_usd=spared * prompt_rate(prices, usage) if prices else 0.0,
        )

    def learn(
        self,
        endpoint: Endpoint,
        usage: Usage,
        *,
        sent_at: float,
        ttl: float | None = None,
    ) -> None:
        """Notes an answer in the conversation's state, which only steps move.

        Args:
            endpoint: That answered.
            usage: Tokens as the provider counted them.
            sent_at: Start of the request, epoch seconds.
            ttl: Seconds for which what it wrote to the cache was bought, if any.
        """
        if self.purpose is not Purpose.TURN or self.session_id is None:
            return
        session = self.session
        with session.lock:
            session.answers = session.state.turns + 1
            session.answered_here += 1
            session.state = session.state.after_call(
                endpoint.cache_id,
                usage,
                time.time(),
                endpoint.tier,
                ttl,
                started=sent_at,
                short=endpoint.cache_ttl,
            )

    def record(self, outcome: Outcome) -> RoutedCall:
        """Records the call with its outcome; returns at once."""
        call = RoutedCall(
            decision_id=self.decision_id,
            session_id=self.session_id,
            purpose=self.purpose,
            turn=self.state.turns,
            at=self.began,
            overhead=self.overhead,
            decision=self.decision,
            outcome=outcome,
        )
        self.session.calls.append(call)
        self.setup.record(call)
        return call

    def _read(self, read: Callable[[], RoutingRequest]) -> RoutingRequest | str:
        try:
            return read()
        except Exception as error:
            # The type alone: a message could quote the prompt.
            return type(error).__name__

    def _decide(self, request: RoutingRequest | str) -> Decision:
        if isinstance(request, RoutingRequest):
            try:
                return self.setup.decide(request, self.state, now=self.began)
            except Exception as error:
                request = type(error).__name__
        logger.error("routing failed with %s; default tier serves", request)
        return self.setup.fallback_decision(request)
