"""Calls that wait for their turn, in an order that is fair to each conversation."""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass
from typing import Final


ANYONE: Final = ""
"""Session of calls that belong to none."""


@dataclass(slots=True, eq=False)
class Ticket:
    """One call that wants to be sent."""

    session: str
    tokens: int
    """Estimate of what it will use of a limit on tokens."""
    uncached: int
    """The same without what the provider is expected to have cached."""
    turn: tuple[float, int] | None = None
    """Place in the line; ``None``: it does not wait."""
    slot: int = 0
    """Slot of the rate's window that it was counted in."""
    used: int = 0
    """What of these was taken off the provider's word when it was sent."""
    number: int = 0
    """How many calls had been sent then, itself included."""
    spent: int = 0
    """How many tokens, likewise."""


class FairQueue:
    """Fair queueing (Demers et al. 1989), each call as long as any other.

    A conversation with many calls waiting has each of them served in turn with those
    of others. Virtual time goes on with each call served, so that none waits for
    ever behind conversations that are new. Not safe under threads.
    """

    def __init__(self) -> None:
        self._waiting: list[Ticket] = []
        self._now = 0.0
        self._finish: dict[str, float] = {}
        self._arrivals = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def join(self, ticket: Ticket) -> None:
        start = max(self._now, self._finish.get(ticket.session, 0.0))
        self._finish[ticket.session] = start + 1
        self._arrivals += 1
        ticket.turn = (start, self._arrivals)
        insort(self._waiting, ticket, key=_turn)

    def leave(self, ticket: Ticket, *, served: bool) -> None:
        """Takes it out; does nothing if it does not wait."""
        if ticket.turn is None:
            return
        if served:
            share = 1 / len(self._waiting)
            self._now = max(self._now, ticket.turn[0]) + share
            later = self._finish.items()
            self._finish = {s: end for s, end in later if end > self._now}
        self._waiting.remove(ticket)
        ticket.turn = None

    def ahead(self, ticket: Ticket) -> list[Ticket]:
        """Those that go before it; all of them if it does not wait yet."""
        if ticket.turn is None:
            return self._waiting
        return self._waiting[: self._waiting.index(ticket)]


def _turn(ticket: Ticket) -> tuple[float, int]:
    assert ticket.turn is not None
    return ticket.turn
