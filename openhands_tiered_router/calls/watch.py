"""What one attempt tells of its endpoint: breaker, rate and latency."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import partial

from openhands.sdk.llm import LLMResponse

from openhands_tiered_router.calls.admission import ask, give_back
from openhands_tiered_router.calls.errors import retry_after
from openhands_tiered_router.calls.health.breaker import Permit
from openhands_tiered_router.calls.health.endpoint import EndpointHealth
from openhands_tiered_router.calls.health.limiter import Ticket
from openhands_tiered_router.calls.steps import Reply, Send, Step
from openhands_tiered_router.policy.outcome import ErrorKind, Usage
from openhands_tiered_router.tiers import Endpoint


def _nobody_told(_: Endpoint, __: int, ___: Exception) -> None:
    pass


def _nothing_used(_: LLMResponse) -> Usage:
    return Usage()


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFacts:
    """One call, whatever endpoint it goes to. The defaults say that nothing is known.

    ``usage`` and ``first_token`` must not raise.
    """

    prompt_tokens: int = 0
    """Estimate."""
    answer_tokens: int = 0
    """Estimate: limits on tokens count answers too, some as soon as they are begun."""
    streams: Callable[[Endpoint], bool] = lambda _: False
    usage: Callable[[LLMResponse], Usage] = _nothing_used
    first_token: Callable[[], float | None] = lambda: None
    """Seconds from sending to the first chunk of the attempt that is under way;
    ``None``: it was not streamed."""
    own_attempts: Callable[[Endpoint], bool] = lambda _: False
    """Whether its model was given a number of attempts. It makes them by itself, and a
    call goes there once."""
    retrying: Callable[[Endpoint, int, Exception], None] = _nobody_told
    """Called before a further attempt: where the last one failed, how many there were,
    and its error. What it raises ends the call."""


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
        self._time(now)
        usage = self._read(response)
        # Where no usage is stated, the estimate stands.
        if tokens := usage.prompt + usage.completion:
            limiter = self.health.limiter
            work = partial(limiter.settle, self.ticket, tokens)
            yield from ask(limiter, work, None)
        return closed

    def failed(
        self, now: float, kind: ErrorKind, error: Exception
    ) -> Generator[Step, Reply, bool]:
        """Whether that opened the breaker."""
        breaker = self.health.breaker
        work = partial(breaker.failed, kind, now, retry_after(error), self.permit)
        opened = yield from ask(breaker, work, False)
        if kind is ErrorKind.TIMEOUT and self.send.timeout is not None:
            self.health.latency.took(self.send.timeout, streamed=self.streamed)
        return opened

    def _read(self, response: LLMResponse) -> Usage:
        """Must not raise: the answer is paid for."""
        try:
            return self.facts.usage(response)
        except Exception as error:
            logger.error("answer not read: %s", type(error).__name__)
            return Usage()

    def cancelled(self) -> None:
        """Must not wait: the generator is being closed, maybe by an event loop."""
        give_back(self.health.breaker, self.permit)

    def _time(self, now: float) -> None:
        first_token, latency = self.facts.first_token(), self.health.latency
        if first_token is None:
            latency.took(now - self.began, streamed=False)
        else:
            latency.took(first_token, streamed=True)
