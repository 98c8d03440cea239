"""Rate limits of one endpoint: who may send now, and how long the others wait."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Self

from openhands_tiered_router.calls.health.shared_value import AtomicValue
from openhands_tiered_router.tiers import Limits


SLOTS: Final = 12
"""Parts that the stretch of time is cut into. More are more exact, and slower."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What was counted lately, in slots of ``span / SLOTS`` seconds.

    The slot that the stretch begins in counts as a whole. So a sum is never too
    small, and what falls out of it does so up to one slot late.
    """

    slots: tuple[tuple[int, int, int], ...] = ()
    """Number of the slot, first and second sum in it; oldest first."""

    def add(self, now: float, span: float, first: int, second: int) -> Self:
        """With so much more at ``now``, seconds."""
        current = self._current(now, span)
        kept = tuple(self._within(current))
        if kept and kept[-1][0] == current:
            _, one, two = kept[-1]
            return type(self)((*kept[:-1], (current, one + first, two + second)))
        return type(self)((*kept, (current, first, second)))

    @property
    def newest(self) -> int:
        """The slot that was added to last."""
        return self.slots[-1][0]

    def sums(self, now: float, span: float) -> tuple[int, int]:
        """Both sums over the last ``span`` seconds."""
        first = second = 0
        for _, one, two in self._within(self._current(now, span)):
            first += one
            second += two
        return first, second

    def corrected(self, slot: int, first: int, second: int) -> Self:
        """With so much more, or less, in a slot, if it still counts."""
        if self.slots and self.slots[-1][0] == slot:  # as nearly always
            _, one, two = self.slots[-1]
            return type(self)((*self.slots[:-1], (slot, one + first, two + second)))
        return type(self)(
            tuple(
                (n, one + first, two + second) if n == slot else (n, one, two)
                for n, one, two in self.slots
            )
        )

    def leaving(self, now: float, span: float) -> Iterator[tuple[float, int, int]]:
        """When each slot stops counting, and what goes with it; soonest first."""
        width = span / SLOTS
        for number, first, second in self._within(self._current(now, span)):
            yield (number + SLOTS + 1) * width, first, second

    def _within(self, current: int) -> Sequence[tuple[int, int, int]]:
        """The slots that count, oldest first."""
        slots = self.slots
        if slots and slots[0][0] >= current - SLOTS and slots[-1][0] <= current:
            return slots
        return [s for s in slots if current - SLOTS <= s[0] <= current]

    def _current(self, now: float, span: float) -> int:
        """Threads may come a little late with their time: the newest slot is now's
        too. What is further ahead was counted before the clock was set back."""
        current = int(now * SLOTS // span)
        newest = self.slots[-1][0] if self.slots else current
        return newest if current < newest <= current + SLOTS else current


SPAN: Final = 60.0
"""Seconds of the window that requests and tokens are counted over."""


@dataclass(slots=True, eq=False)
class Ticket:
    """One call that wants to be sent."""

    tokens: int
    """Estimate of what it will use of a limit on tokens."""
    slot: int = 0
    """Slot of the rate's window that it was counted in."""
    waits: bool = False
    """Whether it is in the line."""


class Limiter:
    """Keeps to the rates that are configured, first come, first served.

    A call takes a ticket, asks with ``take`` until that returns 0, and returns what it
    used with ``settle``; one that gives up must ``leave``. Nothing here sleeps.
    """

    def __init__(
        self, limits: Limits, queue: int, value: AtomicValue[Counts] | None = None
    ) -> None:
        """
        Args:
            limits: Requests and tokens in any 60 seconds.
            queue: Calls that may wait.
            value: The window's counts, if processes share them.
        """
        self._limits = limits
        self._queue = queue
        self._value = value or AtomicValue(Counts())
        self._counting = limits.rpm is not None or limits.tpm is not None
        self._line: list[Ticket] = []
        self._lock = threading.Lock()

    @property
    def local(self) -> bool:
        """Whether no method waits for a disk or network."""
        return self._value.local or not self._counting

    @property
    def waiting(self) -> int:
        """Calls of this process in the line."""
        return len(self._line)

    def wait(self, now: float) -> float:
        """Seconds until a small call could be sent, as far as this process knows."""
        if not self._counting:
            return 0.0
        need = self._need(Ticket(tokens=1))
        return self._refused(self._value.last, need, now)

    def take(self, ticket: Ticket, now: float) -> float:
        """Sends the call off, and returns 0; or the seconds to expect to wait.

        What is ahead of it in the line goes first, though it may still sleep: so much
        is kept free for it.
        """
        if self._counting and (wait := self._count(ticket, self._need(ticket), now)):
            return wait
        self.leave(ticket)
        return 0.0

    def join(self, ticket: Ticket) -> bool:
        """Puts it into the line; whether there was room."""
        with self._lock:
            ticket.waits = len(self._line) < self._queue
            if ticket.waits:
                self._line.append(ticket)
            return ticket.waits

    def leave(self, ticket: Ticket) -> None:
        """Takes it out of the line, if it waits there."""
        if ticket.waits:
            with self._lock:
                self._line.remove(ticket)
                ticket.waits = False

    def give_back(self, ticket: Ticket) -> None:
        """A call that was let go was not sent after all."""
        self._correct(ticket, -1, -ticket.tokens)

    def settle(self, ticket: Ticket, tokens: int) -> None:
        """A call that was sent used so many tokens of the limit."""
        if self._limits.tpm is not None:
            self._correct(ticket, 0, tokens - ticket.tokens)

    def _correct(self, ticket: Ticket, calls: int, tokens: int) -> None:
        if self._counting:
            self._value.change(
                lambda counts: (counts.corrected(ticket.slot, calls, tokens), None)
            )

    def _need(self, ticket: Ticket) -> tuple[int, int]:
        """Requests and tokens, of the ticket and of all before it."""
        with self._lock:
            place = self._line.index(ticket) if ticket.waits else len(self._line)
            ahead = self._line[:place]
        return 1 + len(ahead), ticket.tokens + sum(t.tokens for t in ahead)

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
        # More than one window holds: so many windows later, but a slot at least.
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
