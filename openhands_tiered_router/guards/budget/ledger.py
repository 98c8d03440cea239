"""The books of one budget: pure changes of a small value, safe to make twice.

A call is first reserved, at what it is expected to cost, and settled after it, at what
it did cost. Both are known by the call's id, so that a change made again, because its
answer was lost or a store came back, counts once. A reservation that nobody settles,
because the process was killed, stays: it counts as spent, and is named as in doubt.

A value is ``{"spent": [usd, tokens, turns, ms], "doubt": usd, "parts": {label: usd},
"open": {id: [usd, tokens, turns, owner, label]}, "done": [id, ...]}``, money in
nano-USD.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass, field
from typing import Any, Final

from openhands_tiered_router.guards.budget.limits import Spend
from openhands_tiered_router.state.store import Value


REMEMBERED: Final = 100
"""Settled calls that are remembered by id: more than are under way at once."""
MAX_PARTS: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One call, as the ledger knows it."""

    id: str
    owner: str
    """Who sends it; see ``owners``."""
    label: str
    """What the money goes to, such as ``complex turn``."""
    expected: Spend
    elapsed: Spend = Spend()
    """Time that went by before it, spent whatever becomes of the call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """What a ledger says."""

    spent: Spend = Spend()
    """Settled calls."""
    doubt: int = 0
    """The part of ``spent``, nano-USD, of which only an estimate is known."""
    open: Spend = Spend()
    """Reserved for calls that are not settled."""
    owners: tuple[str, ...] = ()
    """Whose calls those are."""
    parts: Mapping[str, int] = field(default_factory=dict)
    """``spent`` in nano-USD, by label."""

    @property
    def committed(self) -> Spend:
        return self.spent + self.open


@dataclass(frozen=True, slots=True)
class Granted:
    """What came of asking for a reservation."""

    granted: bool
    balance: Balance


def balance(value: Value | None) -> Balance:
    """What is in the books; nothing if there are none."""
    if value is None:
        return Balance()
    entries = value["open"].values()
    reserved = Spend()
    for usd, tokens, turns, *_ in entries:
        reserved += Spend(usd=usd, tokens=tokens, turns=turns)
    return Balance(
        spent=_spend(value["spent"]),
        doubt=value["doubt"],
        open=reserved,
        owners=tuple(entry[3] for entry in entries),
        parts=value["parts"],
    )


def exceeded(limits: Mapping[str, int], held: Spend, more: Spend) -> str | None:
    """The first measure whose limit does not leave room for ``more``; ``None``: none.

    What is used up leaves no room for anything, even where ``more`` is nothing.
    """
    for name, limit in limits.items():
        used = getattr(held, name)
        if used >= limit or used + getattr(more, name) > limit:
            return name
    return None


def reserve(
    entry: Entry, limits: Mapping[str, int]
) -> Callable[[Value | None], tuple[Value | None, Granted]]:
    """The change that reserves a call if the limits leave room for it."""

    def change(value: Value | None) -> tuple[Value | None, Granted]:
        books = value or _EMPTY
        before = balance(books)
        if entry.id in books["open"] or entry.id in books["done"]:
            return value, Granted(True, before)
        spent = before.spent + entry.elapsed
        if exceeded(limits, spent + before.open, entry.expected):
            return value, Granted(False, before)
        usd, tokens, turns, _ = _list(entry.expected)
        line = [usd, tokens, turns, entry.owner, entry.label]
        after = {
            **books,
            "spent": _list(spent),
            "open": {**books["open"], entry.id: line},
        }
        return after, Granted(True, balance(after))

    return change


def settle(
    id: str, actual: Spend, *, label: str, doubt: int = 0
) -> Callable[[Value | None], tuple[Value | None, Balance]]:
    """The change that puts what a call cost in the place of what was reserved for it.

    Args:
        id: The call's.
        actual: What it cost; nothing if it was not sent or not charged.
        label: What the money went to.
        doubt: The part of ``actual.usd``, nano-USD, that is an estimate.
    """

    def change(value: Value | None) -> tuple[Value | None, Balance]:
        books = value or _EMPTY
        if id in books["done"]:
            return value, balance(value)
        parts = dict(books["parts"])
        known = label in parts or len(parts) < MAX_PARTS
        if actual.usd:
            name = label if known else "other"
            parts[name] = parts.get(name, 0) + actual.usd
        after = {
            "spent": _list(_spend(books["spent"]) + actual),
            "doubt": books["doubt"] + doubt,
            "parts": parts,
            "open": {k: v for k, v in books["open"].items() if k != id},
            "done": [*books["done"], id][-REMEMBERED:],
        }
        return after, balance(after)

    return change


_EMPTY: Final[Value] = {
    "spent": [0, 0, 0, 0],
    "doubt": 0,
    "parts": {},
    "open": {},
    "done": [],
}


def _list(spend: Spend) -> list[int]:
    return list(astuple(spend))


def _spend(numbers: list[Any]) -> Spend:
    usd, tokens, turns, ms = numbers
    return Spend(usd=usd, tokens=tokens, turns=turns, ms=ms)
