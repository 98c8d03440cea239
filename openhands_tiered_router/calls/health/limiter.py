"""Rate limits of one endpoint: who may send now, and how long the others wait."""

from __future__ import annotations

import threading
from typing import Final

from openhands_tiered_router.calls.health.allowance import MINUTE, Allowance, Said
from openhands_tiered_router.calls.health.counts import SLOTS, Counts
from openhands_tiered_router.calls.health.fair_queue import FairQueue, Ticket
from openhands_tiered_router.calls.health.shared_value import AtomicValue
from openhands_tiered_router.tiers import Limits


SPAN: Final = MINUTE
"""Seconds of the window that requests and tokens are counted over."""


class Limiter:
    """Keeps to the rates that are configured and to what the provider says is left.

    A call takes a ticket, asks with ``take`` until that returns 0, and returns what it
    used with ``settle``; one that gives up must ``leave``. Nothing here sleeps.
    """

    def __init__(
        self,
        limits: Limits,
        queue: int,
        value: AtomicValue[Counts] | None = None,
        *,
        heed: bool = True,
    ) -> None:
        self._limits = limits
        self._queue = queue
        self._heed = heed
        self._value = value or AtomicValue(Counts())
        self._counting = limits.rpm is not None or limits.tpm is not None
        self._line = FairQueue()
        self._allowance = Allowance()
        self._sent = 0
        self._spent = 0
        self._lock = threading.Lock()

    @property
    def local(self) -> bool:
        """Whether no method waits for a disk or network."""
        return self._value.local or not self._counting

    @property
    def idle(self) -> bool:
        """Whether nothing limits the endpoint, as far as is known."""
        return not self._counting and not self._allowance.said

    @property
    def configured(self) -> bool:
        """Whether a user set a rate; else all that is known is what headers said."""
        return self._counting

    @property
    def waiting(self) -> int:
        """Calls of this process in the line."""
        return len(self._line)

    def wait(self, now: float) -> float:
        """Seconds until a small call could be sent, as far as this process knows."""
        if self.idle:
            return 0.0
        probe = Ticket(session="", tokens=1, uncached=1)
        with self._lock:
            need = self._need(probe)
            return max(
                self._allowed(probe, now),
                self._refused(self._value.last, need, now),
            )

    def take(self, ticket: Ticket, now: float, *, insist: bool = False) -> float:
        """Sends the call off, and returns 0; or the seconds to expect to wait.

        What is ahead of it in the queue goes first, though it may still sleep: so
        much is kept free for it. ``insist``: whatever the provider said.
        """
        with self._lock:
            need = self._need(ticket)
            if not insist and (wait := self._allowed(ticket, now)):
                return wait
            ticket.used = self._uses(ticket)
            self._sent += 1
            self._spent += ticket.used
            ticket.number, ticket.spent = self._sent, self._spent
        if self._counting and (wait := self._count(ticket, need, now)):
            self._unspend(ticket)
            return wait
        if ticket.turn is not None:
            with self._lock:
                self._line.leave(ticket, served=True)
        return 0.0

    def join(self, ticket: Ticket) -> bool:
        """Puts it into the line; whether there was room."""
        with self._lock:
            if len(self._line) >= self._queue:
                return False
            self._line.join(ticket)
            return True

    def leave(self, ticket: Ticket) -> None:
        """Gives up waiting."""
        with self._lock:
            self._line.leave(ticket, served=False)

    def give_back(self, ticket: Ticket) -> None:
        """A call that was let go was not sent after all."""
        self._unspend(ticket)
        if self._counting:
            self._value.change(
                lambda counts: (counts.corrected(ticket.slot, -1, -ticket.tokens), None)
            )

    def settle(
        self, ticket: Ticket, now: float, tokens: int | None, said: Said
    ) -> None:
        """A call that was sent is over.

        Args:
            tokens: What it used of the limit; ``None``: not known, the estimate stands.
            said: What the provider's headers say is left.
        """
        if self._heed and said:
            with self._lock:
                self._allowance = self._allowance.hearing(
                    said, now, ticket.number, ticket.spent
                )
        if self._limits.tpm is not None and tokens is not None:
            more = tokens - ticket.tokens
            self._value.change(
                lambda counts: (counts.corrected(ticket.slot, 0, more), None)
            )

    def _unspend(self, ticket: Ticket) -> None:
        with self._lock:
            self._sent -= 1
            self._spent -= ticket.used

    def _need(self, ticket: Ticket) -> tuple[int, int]:
        """Requests and tokens, of the ticket and of all before it."""
        ahead = self._line.ahead(ticket)
        return 1 + len(ahead), ticket.tokens + sum(t.tokens for t in ahead)

    def _uses(self, ticket: Ticket) -> int:
        free = self._allowance.said.cached_free
        return ticket.uncached if free else ticket.tokens

    def _allowed(self, ticket: Ticket, now: float) -> float:
        """Seconds until the provider takes the ticket and all before it."""
        if not self._allowance.said:
            return 0.0
        calls = [ticket, *self._line.ahead(ticket)]
        tokens = sum(map(self._uses, calls))
        return self._allowance.wait(now, len(calls), tokens, self._sent, self._spent)

    def _count(self, ticket: Ticket, need: tuple[int, int], now: float) -> float:
        def step(counts: Counts) -> tuple[Counts, float]:
            if wait := self._refused(counts, need, now):
                return counts, wait
            after = counts.add(now, SPAN, 1, ticket.tokens)
            ticket.slot = after.newest
            return after, 0.0

        return self._value.change(step)

    def _refused(self, counts: Counts, need: tuple[int, int], now: float) -> float:
        """Seconds until the window has room for ``need``; 0: it has."""
        requests, tokens = counts.sums(now, SPAN)
        if self._fits(need, requests, tokens):
            return 0.0
        at = now
        for leaves, fewer, less in counts.leaving(now, SPAN):
            at, requests, tokens = leaves, requests - fewer, tokens - less
            if self._fits(need, requests, tokens):
                return at - now
        windows = max(need[0] / (self._limits.rpm or need[0]),
                      need[1] / (self._limits.tpm or need[1] or 1))  # fmt: skip
        return at - now + SPAN * max(windows - 1, 1 / SLOTS)

    def _fits(self, need: tuple[int, int], requests: int, tokens: int) -> bool:
        rpm, tpm = self._limits.rpm, self._limits.tpm
        if rpm is not None and requests + need[0] > rpm:
            return False
        # A call that is bigger than the limit goes when nothing else counts.
        alone = need[0] == 1 and tokens <= 0
        return tpm is None or alone or tokens + need[1] <= tpm
