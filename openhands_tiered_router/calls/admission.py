"""What lets a call pass to an endpoint: its breaker, and its rate limit's line."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Protocol

from openhands_tiered_router.calls.health.breaker import Breaker, Permit
from openhands_tiered_router.calls.health.limiter import Limiter, Ticket
from openhands_tiered_router.calls.steps import Pause, Reply, Step, blocking


logger = logging.getLogger(__name__)

POLL: Final = 1.0
"""Seconds after which a waiting call looks again: others may have left."""


class MayBlock(Protocol):
    @property
    def local(self) -> bool:
        """Whether calling its methods is memory only."""
        ...


def ask[T](
    of: MayBlock, work: Callable[[], T], otherwise: T
) -> Generator[Step, Reply, T]:
    """Does work on shared state, off the event loop where it may take long.

    ``otherwise`` is the result where that fails: no call shall fail by it.
    """
    try:
        return work() if of.local else (yield from blocking(work))
    except Exception as error:
        logger.error("shared state failed with %s", type(error).__name__)
        return otherwise


@dataclass(slots=True)
class _Asking:
    """Asks a breaker, maybe in a thread that goes on when the call is cancelled."""

    breaker: Breaker
    now: float
    _permit: Permit | None = None
    _abandoned: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self) -> Permit:
        permit = self.breaker.acquire(self.now)
        with self._lock:
            self._permit = permit
            abandoned = self._abandoned
        if abandoned:
            give_back(self.breaker, permit)
        return permit

    def abandon(self) -> None:
        with self._lock:
            self._abandoned = True
            permit = self._permit
        if permit is not None:
            give_back(self.breaker, permit)


def permitted(breaker: Breaker, now: float) -> Generator[Step, Reply, Permit]:
    """What the breaker says; a call that is cancelled meanwhile keeps no probe."""
    if breaker.local:
        return (yield from ask(breaker, partial(breaker.acquire, now), Permit.FREE))
    asking = _Asking(breaker, now)
    try:
        return (yield from ask(breaker, asking, Permit.FREE))
    except BaseException:
        asking.abandon()
        raise


def give_back(breaker: Breaker, permit: Permit) -> None:
    """Ends a probe that tells nothing. Never waits: an event loop may be closing us."""
    if permit is not Permit.PROBE:
        return
    if breaker.local:
        breaker.released()
    else:
        threading.Thread(target=breaker.released, daemon=True).start()


def admitted(
    limiter: Limiter,
    ticket: Ticket,
    clock: Callable[[], float],
    longest: float,
) -> Generator[Step, Reply, bool]:
    """Waits until the call may be sent; ``False``: not within ``longest`` seconds, or
    too many wait already. A call that is given up leaves the line.
    """
    until = clock() + longest
    try:
        while True:
            work = partial(limiter.take, ticket, clock())
            wait = yield from ask(limiter, work, 0.0)
            if not wait:
                return True
            if clock() + wait > until:
                return False
            if not ticket.waits and not limiter.join(ticket):
                return False
            # The jitter keeps processes that share a rate from asking in step.
            yield Pause(min(wait, POLL) * random.uniform(1.0, 1.1))
    finally:
        limiter.leave(ticket)
