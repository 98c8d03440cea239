"""Endpoints that behave as told, on a clock of their own: no network, no waiting."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

from litellm.types.utils import ModelResponse
from openhands.sdk.llm import LLMResponse, Message
from openhands.sdk.llm.exceptions import LLMRateLimitError, LLMServiceUnavailableError
from openhands.sdk.llm.utils.metrics import Metrics

from openhands_tiered_router.calls.failover import Failover
from openhands_tiered_router.calls.health.endpoint import EndpointHealth
from openhands_tiered_router.calls.settings import BreakerSettings, DispatchSettings
from openhands_tiered_router.calls.state.store import StateStore
from openhands_tiered_router.calls.steps import Blocking, Pause, Send, Step, Steps
from openhands_tiered_router.calls.watch import CallFacts
from openhands_tiered_router.tiers import Endpoint, Limits, Tier


type Behaviour = Callable[[int], LLMResponse | Exception | None]
"""What an endpoint does at its n-th call, from 0; ``None``: it answers."""


def answer() -> LLMResponse:
    return LLMResponse(
        message=Message(role="assistant"),
        metrics=Metrics().get_snapshot(),
        raw_response=ModelResponse(),
    )


@dataclass
class Bench:
    """Drives a failover against endpoints that behave as told."""

    behaviours: dict[str, Behaviour]
    windows: dict[str, int] = field(default_factory=dict)
    limits: dict[str, Limits] = field(default_factory=dict)
    settings: DispatchSettings = DispatchSettings()
    breaker: BreakerSettings = BreakerSettings()
    store: StateStore | None = None
    repairable: bool = False
    own_attempts: frozenset[str] = frozenset()
    """Endpoints whose models count their attempts themselves."""
    now: float = 1000.0
    sent: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    timeouts: list[float | None] = field(default_factory=list)
    repairs: list[str] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)
    known: dict[str, EndpointHealth] = field(default_factory=dict)

    def health(self, key: str) -> EndpointHealth:
        if key not in self.known:
            self.known[key] = EndpointHealth.of(
                key,
                self.limits.get(key),
                breaker=self.breaker,
                dispatch=self.settings,
                store=self.store,
            )
        return self.known[key]

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint(
                key=key,
                tier=Tier.of(key),
                model=f"model-{key}",
                max_input_tokens=self.windows.get(key),
            )
            for key in self.behaviours
        ]

    def failover(self, facts: CallFacts | None = None) -> Failover:
        return Failover(
            order=self.endpoints(),
            health=lambda e: self.health(e.key),
            settings=self.settings,
            facts=facts or CallFacts(own_attempts=lambda e: e.key in self.own_attempts),
            repairable=lambda _: self.repairable,
            clock=lambda: self.now,
        )

    def run(self) -> Failover:
        failover = self.failover()
        steps = failover.run()
        reply = None
        try:
            while True:
                step = steps.send(reply)
                reply = self._do(step)
        except StopIteration:
            return failover

    def _do(self, step: Step) -> object:
        if isinstance(step, Pause):
            self.pauses.append(step.seconds)
            self.now += step.seconds
            return None
        if isinstance(step, Blocking):
            return step.work()
        self.now += 1
        return self.reply(step)

    def reply(self, step: Send) -> LLMResponse | Exception:
        if step.after is not None:
            self.repairs.append(step.endpoint)
        number = self.sent.count(step.endpoint)
        self.sent.append(step.endpoint)
        self.times.append(self.now)
        self.timeouts.append(step.timeout)
        return self.behaviours[step.endpoint](number) or answer()

    def together(self, sessions: str, seconds: float = 1.0) -> list[str]:
        """One call for each letter, all begun now, each answer taking so long.

        Returns what became of each, in the order in which they ended: the letter, or
        the letter and the error's type.
        """
        ended: list[str] = []
        tie = count()
        waiting: list[tuple[float, int, str, Steps, object]] = []
        for session in sessions:
            steps = self.failover().run()
            heapq.heappush(waiting, (self.now, next(tie), session, steps, None))
        while waiting:
            self.now, _, session, steps, reply = heapq.heappop(waiting)
            try:
                step = steps.send(reply)
                while isinstance(step, Blocking):
                    step = steps.send(step.work())
            except StopIteration:
                ended.append(session)
                continue
            except Exception as error:
                ended.append(f"{session} {type(error).__name__}")
                continue
            if isinstance(step, Pause):
                after, given = self.now + step.seconds, None
            else:
                after, given = self.now + seconds, self.reply(step)
            heapq.heappush(waiting, (after, next(tie), session, steps, given))
        return ended


def well(_: int) -> None:
    return None


def always(error: Exception) -> Behaviour:
    return lambda _: error


def once(error: Exception) -> Behaviour:
    return lambda n: error if n == 0 else None


def limited(seconds: float) -> LLMRateLimitError:
    """A 429 with Retry-After, as it comes out of the SDK."""

    class Cause(Exception):
        response = type("R", (), {"headers": {"retry-after": str(seconds)}})

    error = LLMRateLimitError("slow down")
    error.__cause__ = Cause()
    return error


DOWN = LLMServiceUnavailableError("down")
