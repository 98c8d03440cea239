"""What one attempt tells of its endpoint: breaker, rate and latency."""

from __future__ import annotations

import logging
from collections.abc import Generator
from dataclasses import dataclass
from functools import partial

from openhands.sdk.llm import LLMResponse

from openhands_tiered_router.calls.admission import ask, give_back
from openhands_tiered_router.calls.call import CallFacts
from openhands_tiered_router.calls.errors import headers_of, retry_after
from openhands_tiered_router.calls.headers import said_in, said_in_answer
from openhands_tiered_router.calls.health.allowance import Said
from openhands_tiered_router.calls.health.endpoint import EndpointHealth
from openhands_tiered_router.calls.health.fair_queue import Ticket
from openhands_tiered_router.calls.health.transitions import Permit
from openhands_tiered_router.calls.steps import Reply, Send, Step
from openhands_tiered_router.policy.outcome import ErrorKind, Usage


logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class BreakerChange:
    """A breaker opened, or closed again."""

    endpoint: str
    at: float
    error: ErrorKind | None
    """What opened it; ``None``: it closed."""


@dataclass(slots=True)
class Watch:
    """One attempt under way. One of its three methods is called in the end."""

    health: EndpointHealth
    facts: CallFacts
    send: Send
    permit: Permit
    ticket: Ticket
    streamed: bool = False
    """Whether it was asked for as a stream."""
    began: float = 0.0
    """When it was sent, seconds."""

    def answered(
        self, now: float, response: LLMResponse
    ) -> Generator[Step, Reply, bool]:
        """Whether that closed the breaker.

        The breaker comes first: a call that is cancelled here has reported to it.
        """
        breaker = self.health.breaker
        work = partial(breaker.succeeded, now, began=self.began, permit=self.permit)
        closed = yield from ask(breaker, work, False)
        usage, said = self._read(response)
        self._time(now, usage.completion)
        yield from self._settle(now, usage.prompt + usage.completion or None, said)
        return closed

    def failed(
        self, now: float, kind: ErrorKind, error: Exception
    ) -> Generator[Step, Reply, bool]:
        """Whether that opened the breaker."""
        breaker = self.health.breaker
        work = partial(breaker.failed, kind, now, retry_after(error), self.permit)
        opened = yield from ask(breaker, work, False)
        if kind is ErrorKind.TIMEOUT and self.send.timeout is not None:
            self.health.latency.cut(self.send.timeout, streamed=self.streamed)
        yield from self._settle(now, None, said_in(headers_of(error)))
        return opened

    def _read(self, response: LLMResponse) -> tuple[Usage, Said]:
        """Must not raise: the answer is paid for."""
        try:
            return self.facts.usage(response), said_in_answer(response.raw_response)
        except Exception as error:
            logger.error("answer not read: %s", type(error).__name__)
            return Usage(), Said()

    def cancelled(self) -> None:
        """Must not wait: the generator is being closed, maybe by an event loop."""
        give_back(self.health.breaker, self.permit)

    def _time(self, now: float, tokens: int) -> None:
        first_token = self.facts.first_token()
        if first_token is None:
            self.health.latency.answered(now, now - self.began, tokens)
        else:
            self.health.latency.streamed(now, first_token)

    def _settle(
        self, now: float, tokens: int | None, said: Said
    ) -> Generator[Step, Reply, None]:
        limiter = self.health.limiter
        work = partial(limiter.settle, self.ticket, now, tokens, said)
        yield from ask(limiter, work, None)
