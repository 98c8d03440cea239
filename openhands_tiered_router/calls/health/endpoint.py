"""All that is known of how an endpoint is doing."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Final, Self

from openhands_tiered_router.calls.health.breaker import Breaker, BreakerState
from openhands_tiered_router.calls.health.limiter import Counts, Limiter
from openhands_tiered_router.calls.health.shared_value import shared_value
from openhands_tiered_router.calls.settings import BreakerSettings, DispatchSettings
from openhands_tiered_router.calls.state.store import StateStore
from openhands_tiered_router.policy.fleet import Health
from openhands_tiered_router.tiers import Limits


SAMPLES: Final = 64
"""Answers that a percentile is taken over; the 95th is then the fourth slowest."""
ENOUGH: Final = 20
"""Answers below which there is no percentile: from here one outlier is not it."""
SHARE: Final = 0.95


class Latency:
    """The 95th percentile of the last answers' seconds of silence, in constant memory.

    Streamed answers, by their first token, are kept apart from those in one piece.
    """

    def __init__(self) -> None:
        # By whether they were streamed.
        self._last = {True: deque[float](maxlen=SAMPLES), False: deque(maxlen=SAMPLES)}

    def took(self, seconds: float, *, streamed: bool) -> None:
        """Notes an answer; or a call that was given up after so long: it would have
        taken longer than that."""
        self._last[streamed].append(seconds)

    def usual(self, *, streamed: bool) -> float | None:
        """95th percentile of the seconds before an answer, or its first part; ``None``:
        too few answers yet."""
        last = self._last[streamed]
        if len(last) < ENOUGH:
            return None
        return sorted(last)[math.ceil(SHARE * len(last)) - 1]


@dataclass(frozen=True, slots=True)
class EndpointHealth:
    """Shared by all that call the endpoint; safe under threads."""

    breaker: Breaker
    limiter: Limiter
    latency: Latency

    @classmethod
    def of(
        cls,
        name: str,
        limits: Limits | None = None,
        *,
        breaker: BreakerSettings | None = None,
        dispatch: DispatchSettings | None = None,
        store: StateStore | None = None,
    ) -> Self:
        """For the endpoint of that name, the same in all processes that share it."""
        limits = limits or Limits()
        dispatch = dispatch or DispatchSettings()
        state = shared_value(BreakerState(), store, "breaker", name)
        counts = shared_value(Counts(), store, "rate", name)
        return cls(
            # Two attempts: longer than any probe that is still alive.
            Breaker(breaker, state, 2 * dispatch.attempt_timeout),
            Limiter(limits, dispatch.queue, counts),
            Latency(),
        )

    def health(self, now: float, short_wait: float) -> Health:
        """The worst that can be said of it, as far as this process knows.

        ``short_wait``: seconds of waiting for its rate that do not matter.
        """
        health = self.breaker.health(now)
        if health is not Health.HEALTHY:
            return health
        busy = self.limiter.wait(now) > short_wait
        return Health.BUSY if busy else Health.HEALTHY
