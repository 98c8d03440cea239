"""Which endpoint to try next, and when to give up. No I/O: sync and async share it.

``Failover.run`` is a generator. It yields what to do next, a ``Send`` or a ``Pause``;
its driver does that, in its own way, and sends back what came of it.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count

from openhands.sdk.llm import LLMResponse
from openhands.sdk.llm.exceptions import LLMNoResponseError

from openhands_tiered_router.calls.admission import admitted, ask, permitted
from openhands_tiered_router.calls.errors import (
    CallbackFailed,
    is_final,
    is_local,
    is_misaddressed,
    is_soft,
    kind_of,
    like,
    retry_after,
    sdk_error,
)
from openhands_tiered_router.calls.health.breaker import Permit
from openhands_tiered_router.calls.health.endpoint import EndpointHealth
from openhands_tiered_router.calls.health.limiter import Ticket
from openhands_tiered_router.calls.settings import DispatchSettings
from openhands_tiered_router.calls.steps import Pause, Reply, Send, Step, Steps
from openhands_tiered_router.calls.watch import BreakerChange, CallFacts, Watch
from openhands_tiered_router.policy.fleet import Health
from openhands_tiered_router.policy.outcome import Attempt, ErrorKind
from openhands_tiered_router.redaction import redacted
from openhands_tiered_router.tiers import Endpoint


logger = logging.getLogger(__name__)


_PERMANENT = frozenset({ErrorKind.AUTH, ErrorKind.NOT_FOUND, ErrorKind.QUOTA})
_REJECTIONS = frozenset({ErrorKind.BAD_REQUEST, ErrorKind.OTHER})
_MAX_REJECTIONS = 2
"""Endpoints that may call a request bad before it is taken to be bad."""
_HANG_FACTOR = 4.0
_NAMES = 2.0
"""Seconds after which a name that is not found, or a certificate that is not trusted,
is taken to be wrong. A look-up that failed by chance is tried again before."""


@dataclass(slots=True)
class _Try:
    """One endpoint's turn."""

    endpoint: Endpoint
    longest: float
    """Seconds that it may wait for the rate limit."""
    force: bool = False
    """Though the breaker is open."""
    full: bool = False
    """It did not get past the rate limit."""


@dataclass(slots=True, kw_only=True)
class Failover:
    """One call's way over its endpoints. Used once."""

    order: Sequence[Endpoint]
    """Best first; none is weaker than the call allows."""
    health: Callable[[Endpoint], EndpointHealth]
    settings: DispatchSettings
    repairable: Callable[[Exception], bool]
    """Whether a changed history may mend that rejection."""
    clock: Callable[[], float]
    """Seconds, the breakers' own clock."""
    facts: CallFacts = field(default_factory=CallFacts)
    attempts: list[Attempt] = field(default_factory=list)
    changes: list[BreakerChange] = field(default_factory=list)
    """What the call did to breakers."""
    _left: list[Endpoint] = field(default_factory=list)
    _errors: list[tuple[Endpoint, Exception]] = field(default_factory=list)
    _repaired: bool = False
    _began: float = 0.0

    def run(self) -> Steps:
        """Tries until one answers.

        Raises:
            Exception: The SDK's own error. After several endpoints failed, of the type
                that the first one's has, with a message that lists what was tried.
        """
        self._left = list(self.order)
        self._began = self.clock()
        for round_ in count():
            response = yield from self._round(force=round_ > 0)
            if response is not None:
                return response
            wait = self._wait(round_)
            if not self._left or self._elapsed() + wait > self.settings.total_timeout:
                raise self._exhausted()
            # ``tiered-router run`` shows these lines.
            logger.info("trying again in %.1f s", wait)
            yield Pause(wait)
        raise AssertionError("unreachable")

    def _round(self, *, force: bool) -> Generator[Step, Reply, LLMResponse | None]:
        """Each endpoint once. ``force``: though its breaker is open.

        A call that every breaker refuses goes out all the same: without a router it
        would have, and it may be the one that finds the provider well again.
        """
        before = len(self.attempts)
        full: list[Endpoint] = []
        for endpoint in tuple(self._left):
            if endpoint not in self._left or self._rests(endpoint, force=force):
                continue
            at = _Try(endpoint, self.settings.short_wait, force=force)
            response = yield from self._endpoint(at)
            if response is not None:
                return response
            if at.full:
                full.append(endpoint)
        if full:
            sent = self._tried(before)
            return (yield from self._wait_in_line(full, force=force, sent=sent))
        if not self._tried(before) and not force and self._wait_asked() <= 0:
            return (yield from self._round(force=True))
        return None

    def _tried(self, before: int) -> bool:
        return len(self.attempts) > before

    def _rests(self, endpoint: Endpoint, *, force: bool) -> bool:
        breaker, now = self.health(endpoint).breaker, self.clock()
        shut = breaker.health(now) is Health.OPEN
        return shut and (not force or self._retry_at(endpoint) > now)

    def _wait_in_line(
        self, full: Sequence[Endpoint], *, force: bool, sent: bool
    ) -> Generator[Step, Reply, LLMResponse | None]:
        """At the endpoint whose rate limit has room soonest, within ``total_timeout``.

        Raises:
            LLMRateLimitError: The call was sent nowhere, and would wait for too long.
        """
        now = self.clock()
        endpoint = min(full, key=lambda e: self.health(e).limiter.wait(now))
        limiter = self.health(endpoint).limiter
        left = self.settings.total_timeout - self._elapsed()
        at = _Try(endpoint, left, force=force)
        response = yield from self._endpoint(at)
        if response is None and at.full and not sent:
            raise sdk_error(
                ErrorKind.RATE_LIMIT,
                f"{endpoint.key} ({endpoint.model}) is at its rate limit, and "
                f"{limiter.waiting} calls wait for it: try again in "
                f"{limiter.wait(self.clock()):.0f} s. If the provider takes more, "
                "raise rpm and tpm of the endpoint; queue in [dispatch] says how many "
                "calls may wait.",
            )
        return response

    def _endpoint(self, at: _Try) -> Generator[Step, Reply, LLMResponse | None]:
        """One endpoint, again after a repair or a short wait that it asked for."""
        endpoint, after = at.endpoint, None
        once = self.facts.own_attempts(endpoint)
        for again in (True, False):
            if self._errors:
                failed, error = self._errors[-1]
                self.facts.retrying(failed, len(self.attempts), error)
            reply = yield from self._send(at, after)
            if not isinstance(reply, Exception):
                return reply
            kind, wait = kind_of(reply), retry_after(reply)
            if self._can_repair(kind, reply) and again:
                self._repaired = True
                after = reply
            elif isinstance(reply, LLMNoResponseError) and again and not once:
                # An empty answer: another sample of the same model, not a dearer one.
                after = reply
            elif (
                kind is ErrorKind.RATE_LIMIT
                and wait is not None
                and wait <= self.settings.short_wait
                and again
                and not once
            ):
                yield Pause(wait)
            else:
                self._judge(endpoint, kind, reply)
                return None
        return None

    def _send(
        self, at: _Try, after: Exception | None
    ) -> Generator[Step, Reply, LLMResponse | Exception | None]:
        """One attempt, when rate limit and breaker let it pass; ``None``: they do not.

        The breaker is asked last, so that nobody holds its probe while waiting.
        """
        health, facts = self.health(at.endpoint), self.facts
        ticket = Ticket(facts.prompt_tokens + facts.answer_tokens)
        if not (yield from admitted(health.limiter, ticket, self.clock, at.longest)):
            at.full = True
            return None
        permit = yield from permitted(health.breaker, self.clock())
        if not permit and not at.force:
            back = partial(health.limiter.give_back, ticket)
            yield from ask(health.limiter, back, None)
            return None
        send = Send(at.endpoint.key, after, self._timeout(at.endpoint))
        return (yield from self._attempt(at.endpoint, send, permit, ticket))

    def _attempt(
        self, endpoint: Endpoint, send: Send, permit: Permit, ticket: Ticket
    ) -> Generator[Step, Reply, LLMResponse | Exception]:
        streamed = self.facts.streams(endpoint)
        watch = Watch(self.health(endpoint), self.facts, send, permit, ticket, streamed)
        watch.began = began = self.clock()
        kind: ErrorKind | None = ErrorKind.CANCELLED
        try:
            reply = yield send
            if isinstance(reply, Exception):
                kind = kind_of(reply)
                self._errors.append((endpoint, reply))
                changed = yield from watch.failed(self.clock(), kind, reply)
            else:
                kind = None
                changed = yield from watch.answered(self.clock(), reply)
            if changed:
                self.changes.append(BreakerChange(endpoint.key, self.clock(), kind))
            return reply
        finally:
            if kind is ErrorKind.CANCELLED:
                watch.cancelled()
            seconds = self.clock() - began
            self.attempts.append(
                Attempt(endpoint=endpoint.key, error=kind, seconds=seconds)
            )
            if kind is not None:
                said = f"{endpoint.key} ({endpoint.model}): {kind.words}"
                logger.info("%s after %.1f s", said, seconds)

    def _timeout(self, endpoint: Endpoint) -> float | None:
        """Less than the endpoint's own while an equal could answer instead.

        Four times the 95th percentile: of answers whose times are log-normal with
        sigma 1, one in 800 takes longer.
        """
        streamed, least = self.facts.streams(endpoint), self.settings.hang_timeout
        usual = self.health(endpoint).latency.usual(streamed=streamed)
        if usual is None or not least or not self._has_equal(endpoint):
            return None
        return max(least, _HANG_FACTOR * usual)

    def _has_equal(self, endpoint: Endpoint) -> bool:
        """Whether another one of its tier is well and has not failed this call."""
        now, short_wait = self.clock(), self.settings.short_wait
        return any(
            e.tier == endpoint.tier
            and e is not endpoint
            and self.health(e).health(now, short_wait) is Health.HEALTHY
            for e in self._left
        )

    def _can_repair(self, kind: ErrorKind, error: Exception) -> bool:
        return (
            kind is ErrorKind.BAD_REQUEST
            and not self._repaired
            and self.repairable(error)
        )

    def _judge(self, endpoint: Endpoint, kind: ErrorKind, error: Exception) -> None:
        """Drops the endpoints that this error rules out; raises if it rules out all."""
        if isinstance(error, CallbackFailed) and error.__cause__ is not None:
            raise error.__cause__
        if is_final(error) or is_local(error):
            raise error
        if kind is ErrorKind.CONTEXT:
            self._left = [e for e in self._left if _bigger(e, endpoint)]
        elif (
            kind in _PERMANENT
            or kind not in _REJECTIONS
            and self.facts.own_attempts(endpoint)
            or self._unreadable_again(endpoint, kind)
            or is_misaddressed(error)
            and self._elapsed() > _NAMES
        ):
            self._left.remove(endpoint)
        elif kind in _REJECTIONS:
            self._left.remove(endpoint)
            rejected = [e for e in self._errors if kind_of(e[1]) in _REJECTIONS]
            if len(rejected) >= _MAX_REJECTIONS:
                self._left.clear()
        if not self._left:
            raise self._exhausted(kind)

    def _unreadable_again(self, endpoint: Endpoint, kind: ErrorKind) -> bool:
        """A second answer that cannot be read: each is paid for, so no third."""
        if kind is not ErrorKind.MALFORMED:
            return False
        mine = [e for e in self._errors if e[0] is endpoint]
        return sum(kind_of(error) is kind for _, error in mine) > 1

    def _wait_asked(self) -> float:
        """Seconds until some endpoint that is left does not ask us to wait."""
        times = [self._retry_at(e) for e in self._left]
        return min(times, default=0.0) - self.clock()

    def _retry_at(self, endpoint: Endpoint) -> float:
        """When it may be tried again, if its provider asked to wait. Whoever counts
        attempts wants them made, as a plain model would."""
        if self.facts.own_attempts(endpoint):
            return 0.0
        return self.health(endpoint).breaker.retry_at

    def _wait(self, round_: int) -> float:
        """Full jitter, so that conversations do not come back all at once."""
        most = self.settings.backoff_base * 2**round_
        backoff = random.uniform(0, min(most, self.settings.backoff_max))
        lately = self._errors[-len(self._left) :] if self._left else []
        if lately and all(is_misaddressed(error) for _, error in lately):
            # Not past the moment at which they are given up.
            backoff = min(backoff, max(_NAMES - self._elapsed(), 0.05))
        return max(self._wait_asked(), backoff)

    def _elapsed(self) -> float:
        return self.clock() - self._began

    def _exhausted(self, last: ErrorKind | None = None) -> Exception:
        """The SDK's own error, with what was tried.

        Of the last error's kind if the agent can act on that (a prompt too long), else
        of the first one's: that endpoint was the one wanted.
        """
        if not self._errors:
            return sdk_error(
                ErrorKind.RATE_LIMIT,
                f"Every endpoint asked to wait {self._wait_asked():.0f} s more.",
            )
        chosen = -1 if last is ErrorKind.CONTEXT else 0
        endpoint, error = self._errors[chosen]
        if len(self._errors) == 1 or is_soft(error):
            return error
        models = {e.key: e.model for e in self.order}
        tried = "; ".join(
            f"{a.endpoint} ({models[a.endpoint]}): {a.error} after {a.seconds:.1f} s"
            for a in self.attempts
        )
        failure = like(
            error,
            f"No endpoint answered in {self._elapsed():.1f} s. Tried {tried}. "
            f"{endpoint.key} said: {redacted(str(error))}",
        )
        failure.__cause__ = error
        return failure


def _bigger(candidate: Endpoint, than: Endpoint) -> bool:
    """An unknown window may be bigger; the same model's never is."""
    if candidate.model == than.model:
        return False
    if candidate.max_input_tokens is None or than.max_input_tokens is None:
        return True
    return candidate.max_input_tokens > than.max_input_tokens
