"""One call's way through the budgets that count it."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple, NoReturn

from openhands_tiered_router.calls.state.store import StateStore, Value
from openhands_tiered_router.guards.budget import ledger, messages
from openhands_tiered_router.guards.budget.ledger import Balance, Entry, exceeded, owner
from openhands_tiered_router.guards.budget.limits import (
    MEASURES,
    NOTHING,
    Budget,
    Limits,
    Scope,
    Spend,
)
from openhands_tiered_router.guards.budget.registry import (
    UNLIMITED,
    BudgetStatus,
    registry,
)
from openhands_tiered_router.policy.request import Purpose
from openhands_tiered_router.tiers import Tier


class Refused(Exception):
    """A call does not fit into a budget; the message is for the user."""

    def __init__(self, message: str, budget: str, measure: str) -> None:
        super().__init__(message)
        self.budget = budget
        self.measure = measure


class Quote(NamedTuple):
    """What a call is expected to take on an endpoint."""

    tier: Tier
    spend: Spend
    priced: bool
    """Whether a price is known; else ``spend.usd`` is 0."""


class Admission(NamedTuple):
    """What the budgets leave a call to choose from."""

    endpoints: frozenset[str]
    """Those it can be paid for at."""
    cap: Tier | None
    """No stronger tier may serve."""
    left: int | None = None
    """Nano-USD to the nearest hard limit of money; ``None``: there is none."""


class Charge(NamedTuple):
    """What a call turned out to take."""

    spend: Spend
    doubt: int = 0
    """The part of it, nano-USD, that is an estimate: a call that broke off."""
    label: str = ""
    """What the money went to, such as ``complex turn``."""


class Caller(NamedTuple):
    """Whose call it is."""

    conversation: str | None
    """The outermost conversation: a sub-agent's parent."""
    session: str | None
    purpose: Purpose
    new_request: bool = False
    """Whether it answers the user, so that the time before it was not work."""

    @property
    def is_step(self) -> bool:
        """Whether it is a step of the outermost conversation itself."""
        return self.purpose is Purpose.TURN and self.session == self.conversation


class CountedBudget(NamedTuple):
    """A budget that counts the call."""

    budget: Budget
    limits: Limits
    key: str | None
    """Its ledger's; ``None``: it limits the one call and keeps none."""


@dataclass(slots=True)
class Account:
    """Admits, reserves and settles one call. Each method reads or writes the store."""

    budgets: tuple[Budget, ...]
    store: StateStore
    caller: Caller
    now: float = field(default_factory=time.time)
    """Epoch seconds when the call began: it stays in that day's budget."""
    id: str = field(default_factory=lambda: registry().new_id())
    quotes: Mapping[str, Quote] = field(default_factory=dict)
    _least: Spend = NOTHING
    _is_step: bool = field(init=False)
    _elapsed: Spend = field(init=False)
    """Wall time since the last step's call, which its tools took."""
    _counted: list[CountedBudget] = field(init=False)
    _settled: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)
    """A cancelled call is settled while its reservation may still be under way."""

    def __post_init__(self) -> None:
        self._is_step = self.caller.is_step
        self._elapsed = self._since_last_step()
        conversation = self.caller.conversation
        self._counted = [
            CountedBudget(budget, budget.limits, key)
            for budget in self.budgets
            if (key := budget.key(conversation, self.now)) is not None
            or budget.scope is Scope.CALL
        ]

    def admit(self, quotes: Mapping[str, Quote]) -> Admission:
        """Which endpoints the call can be paid for at.

        Raises:
            Refused: At none.
        """
        self.quotes = allowed = quotes
        caps: list[Tier] = []
        lefts: list[int] = []
        status = UNLIMITED
        for counted in self._counted:
            value = self.store.read(counted.key) if counted.key else None
            held = ledger.committed(value).plus(self._elapsed)
            allowed = self._affordable(counted, allowed, held, value)
            if counted.key:
                lefts += _usd_left(counted, held)
            soft = _soft_measure(counted, held) if counted.key else None
            if soft is not None:
                status = _with_soft(status, counted, soft, self._balance(value))
                caps.append(counted.budget.soft_tier)
        if len(allowed) < len(quotes):
            caps.append(max(quote.tier for quote in allowed.values()))
        self._least = min([quote.spend for quote in allowed.values()])
        self._say(status)
        return Admission(
            frozenset(allowed), min(caps, default=None), min(lefts, default=None)
        )

    def reserve(self, endpoint: str) -> None:
        """Puts what the call is expected to take aside, in every budget.

        Raises:
            Refused: Another call was faster; nothing is put aside.
        """
        quote = self.quotes[endpoint]
        label = f"{quote.tier} {self.label}"
        entry = Entry(self.id, owner(), label, quote.spend, self._elapsed)
        with self._lock:
            refused = None if self._settled else self._reserve(entry)
            if refused is not None:
                self._settle(Charge(NOTHING, label=entry.label))
        if refused is not None:
            counted, books = refused
            _refuse(counted, self._by_now(books), quote.spend)
        self._mark(self.now)

    def settle(self, charge: Charge) -> None:
        """Puts what the call took in the place of what was put aside; once."""
        with self._lock:
            self._settle(charge)
        self._mark(time.time())

    def _reserve(self, entry: Entry) -> tuple[CountedBudget, Balance] | None:
        for counted in self._counted:
            if counted.key is not None:
                change = ledger.reserve(entry, counted.limits)
                books = self.store.apply(counted.key, change, ttl=counted.budget.kept)
                if books is not None:
                    return counted, books
        return None

    def _settle(self, charge: Charge) -> None:
        self._settled = True
        status = UNLIMITED
        change = ledger.settle(
            self.id, charge.spend, label=charge.label, doubt=charge.doubt
        )
        for counted in self._counted:
            if counted.key is None:
                continue
            value = self.store.apply(counted.key, change, ttl=counted.budget.kept)
            held = ledger.committed(value)
            soft = _soft_measure(counted, held)
            if soft is not None:
                books = ledger.balance(value)
                status = _with_soft(status, counted, soft, books)
            measure = exceeded(counted.limits, held, self._least)
            if measure is not None and status.hard is None:
                books = ledger.balance(value)
                text = messages.hard_notice(counted.budget, measure, books, self._least)
                status = replace(status, hard=text)
        self._say(status)

    @property
    def label(self) -> str:
        """What kind of call it is, for the user."""
        purpose = self.caller.purpose.value
        outer = self.caller.session == self.caller.conversation
        return purpose if outer else f"sub-agent {purpose}"

    def _affordable(
        self,
        counted: CountedBudget,
        quotes: Mapping[str, Quote],
        held: Spend,
        value: Value | None,
    ) -> Mapping[str, Quote]:
        budget = counted.budget
        free = budget.usd is None or budget.allow_unpriced
        fitting = {
            key: quote
            for key, quote in quotes.items()
            if (free or quote.priced)
            and exceeded(counted.limits, held, quote.spend) is None
        }
        if not fitting:
            known = [quote.spend for quote in quotes.values() if free or quote.priced]
            if not known:
                text = messages.unpriced_notice(budget, list(quotes))
                raise Refused(text, budget.name, "price")
            _refuse(counted, self._balance(value), min(known))
        return fitting

    def _balance(self, value: Value | None) -> Balance:
        return self._by_now(ledger.balance(value))

    def _by_now(self, books: Balance) -> Balance:
        """With the time that went by before the call."""
        return replace(books, spent=books.spent.plus(self._elapsed))

    def _since_last_step(self) -> Spend:
        caller = self.caller
        if not self._is_step or caller.new_request or caller.conversation is None:
            return NOTHING
        ms = round(1e3 * registry().since(caller.conversation, self.now))
        return Spend(ms=ms) if ms else NOTHING

    def _mark(self, at: float) -> None:
        if self._is_step and self.caller.conversation:
            registry().mark(self.caller.conversation, at)

    def _say(self, status: BudgetStatus) -> None:
        if self.caller.conversation is not None:
            registry().note(self.caller.conversation, status)


def _refuse(counted: CountedBudget, books: Balance, expected: Spend) -> NoReturn:
    measure = exceeded(counted.limits, books.committed, expected)
    assert measure is not None
    if counted.key is None:
        text = messages.call_notice(counted.budget, measure, expected)
    else:
        text = messages.hard_notice(counted.budget, measure, books, expected)
    raise Refused(text, counted.budget.name, MEASURES[measure])


def _usd_left(counted: CountedBudget, held: Spend) -> list[int]:
    """Nano-USD to the budget's limit, if it has one."""
    usd = MEASURES.index("usd")
    return [
        max(limit - held.usd, 0) for measure, limit in counted.limits if measure == usd
    ]


def _soft_measure(counted: CountedBudget, held: Spend) -> int | None:
    """The first measure whose soft limit is reached; ``None``: none."""
    for measure, limit in counted.limits:
        if held[measure] >= counted.budget.soft * limit:
            return measure
    return None


def _with_soft(
    status: BudgetStatus, counted: CountedBudget, measure: int, books: Balance
) -> BudgetStatus:
    budget, name = counted.budget, MEASURES[measure]
    # The limit is part of the name: once raised, the user is warned again.
    name = f"{budget.scope}:{budget.name}:{name}:{dict(counted.limits)[measure]}"
    text = messages.soft_notice(budget, measure, books)
    return replace(status, soft={**status.soft, name: text})
