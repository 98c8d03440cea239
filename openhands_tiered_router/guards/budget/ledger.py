"""The books of one budget: pure changes of a small value, safe to make twice.

A call is first reserved, at what it is expected to cost, and settled after it, at what
it did cost. Both are known by the call's id, so that a change made again, because its
answer was lost or a store came back, counts once. A reservation that nobody settles,
because the process was killed, stays: it counts as spent, and is named as in doubt.

A value is ``{"spent": [usd, tokens, turns, ms], "doubt": usd, "parts": {label: usd},
"open": {id: [usd, tokens, turns, owner, label]}, "done": {id: 1}}``, money in nano-USD.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from operator import add
from typing import Any, Final, NamedTuple

from openhands_tiered_router.calls.state.store import KINDS, Noted, Value
from openhands_tiered_router.guards.budget.limits import NOTHING, Limits, Spend


REMEMBERED: Final = 64
"""Settled calls that are remembered by id, since their changes may be made again."""
RESERVE: Final = "budget.reserve"
SETTLE: Final = "budget.settle"
MAX_PARTS: Final = 32
"""Labels that are kept apart; further ones are counted as ``other``."""


class Entry(NamedTuple):
    """One call, as the ledger knows it."""

    id: str
    owner: str
    """Who sends it; see ``owners``."""
    label: str
    """What the money goes to, such as ``complex turn``."""
    expected: Spend
    elapsed: Spend = NOTHING
    """Time that went by before it, spent whatever becomes of the call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """What a ledger says."""

    spent: Spend = NOTHING
    """Settled calls."""
    doubt: int = 0
    """The part of ``spent``, nano-USD, of which only an estimate is known."""
    open: Spend = NOTHING
    """Reserved for calls that are not settled."""
    owners: tuple[str, ...] = ()
    """Whose calls those are."""
    parts: Mapping[str, int] = field(default_factory=dict)
    """``spent`` in nano-USD, by label."""

    @property
    def committed(self) -> Spend:
        return self.spent if self.open is NOTHING else self.spent.plus(self.open)


def balance(value: Value | None) -> Balance:
    """What is in the books; nothing if there are none."""
    if value is None:
        return Balance()
    return Balance(
        spent=Spend(*value["spent"]),
        doubt=value["doubt"],
        open=_reserved(value),
        owners=tuple(entry[3] for entry in value["open"].values()),
        parts=value["parts"],
    )


def committed(value: Value | None) -> Spend:
    """``Balance.committed`` alone, which is all that most calls ask."""
    if value is None:
        return NOTHING
    return Spend(*value["spent"]).plus(_reserved(value))


def exceeded(limits: Limits, held: Spend, more: Spend) -> int | None:
    """The first measure, as its index in ``Spend``, without room for ``more``.

    What is used up leaves no room for anything, even where ``more`` is nothing.
    """
    for measure, limit in limits:
        used = held[measure]
        if used >= limit or used + more[measure] > limit:
            return measure
    return None


def reserve(entry: Entry, limits: Limits) -> Noted[Balance | None]:
    """The change that reserves a call if the limits leave room for it.

    Its result is the balance that left none; ``None``: it is reserved.
    """

    def change(value: Value | None) -> tuple[Value | None, Balance | None]:
        books = value or _EMPTY
        if entry.id in books["open"] or entry.id in books["done"]:
            return value, None
        spent = Spend(*books["spent"]).plus(entry.elapsed)
        held = spent.plus(_reserved(books))
        if exceeded(limits, held, entry.expected) is not None:
            return value, balance(value)
        usd, tokens, turns, _ = entry.expected
        line = [usd, tokens, turns, entry.owner, entry.label]
        opened = {**books["open"], entry.id: line}
        return {**books, "spent": list(spent), "open": opened}, None

    return Noted(change, RESERVE, entry._asdict())


def settle(
    id: str, actual: Spend, *, label: str, doubt: int = 0
) -> Noted[Value | None]:
    """The change that puts what a call cost in the place of what was reserved for it.

    Its result is the books after it.

    Args:
        id: The call's.
        actual: What it cost; nothing if it was not sent or not charged.
        label: What the money went to.
        doubt: The part of ``actual.usd``, nano-USD, that is an estimate.
    """

    def change(value: Value | None) -> tuple[Value | None, Value | None]:
        books = value or _EMPTY
        if id in books["done"]:
            return value, value
        parts = books["parts"]
        if actual.usd:
            known = label in parts or len(parts) < MAX_PARTS
            name = label if known else "other"
            parts = {**parts, name: parts.get(name, 0) + actual.usd}
        after = {
            "spent": list(map(add, books["spent"], actual)),
            "doubt": books["doubt"] + doubt,
            "parts": parts,
            "open": {k: v for k, v in books["open"].items() if k != id},
            "done": {**books["done"], id: 1},
        }
        if len(after["done"]) > REMEMBERED:
            del after["done"][next(iter(after["done"]))]
        return after, after

    body = {"id": id, "actual": actual, "label": label, "doubt": doubt}
    return Noted(change, SETTLE, body)


def _reserved_again(body: Mapping[str, Any]) -> Noted[Balance | None]:
    """Without limits: it was sent, and counts."""
    spends = {name: Spend(*body[name]) for name in ("expected", "elapsed")}
    return reserve(Entry(**{**body, **spends}), ())


def _settled_again(body: Mapping[str, Any]) -> Noted[Value | None]:
    return settle(**{**body, "actual": Spend(*body["actual"])})


KINDS[RESERVE], KINDS[SETTLE] = _reserved_again, _settled_again


_EMPTY: Final[Value] = {
    "spent": [0, 0, 0, 0],
    "doubt": 0,
    "parts": {},
    "open": {},
    "done": {},
}


def _reserved(value: Value) -> Spend:
    calls = value["open"].values()
    if not calls:
        return NOTHING
    usd, tokens, turns, _, _ = zip(*calls, strict=True)
    return Spend(sum(usd), sum(tokens), sum(turns))


def owner() -> str:
    """This process's name in ledgers."""
    return f"{_host()}/{os.getpid()}"


def is_gone(name: str) -> bool:
    """Whether that process is known to have ended; on another host it never is."""
    host, _, pid = name.rpartition("/")
    # Windows has no way to ask that does not signal the process.
    if host != _host() or not pid.isdigit() or os.name == "nt":
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except OSError:  # it is there but not ours
        return False
    return False


@cache
def _host() -> str:
    return socket.gethostname()
