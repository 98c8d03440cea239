"""One call's way through the budgets that count it."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NoReturn

from openhands_tiered_router.core.request import Purpose
from openhands_tiered_router.guards.budget import ledger, messages
from openhands_tiered_router.guards.budget.desk import Standing, desk
from openhands_tiered_router.guards.budget.ledger import Balance, Entry, exceeded
from openhands_tiered_router.guards.budget.limits import Budget, Scope, Spend
from openhands_tiered_router.guards.budget.owners import owner
from openhands_tiered_router.state.store import StateStore
from openhands_tiered_router.tiers import Tier


class Refused(Exception):
    """A call does not fit into a budget; the message is for the user."""

    def __init__(self, message: str, budget: str, measure: str) -> None:
        super().__init__(message)
        self.budget = budget
        self.measure = measure


@dataclass(frozen=True, slots=True)
class Quote:
    """What a call is expected to take on an endpoint."""

    tier: Tier
    spend: Spend
    priced: bool
    """Whether a price is known; else ``spend.usd`` is 0."""


@dataclass(frozen=True, slots=True)
class Admission:
    """What the budgets leave a call to choose from."""

    endpoints: frozenset[str]
    """Those it can be paid for at."""
    cap: Tier | None
    """No stronger tier may serve."""


@dataclass(frozen=True, slots=True)
class Charge:
    """What a call turned out to take."""

    spend: Spend
    doubt: int = 0
    """The part of it, nano-USD, that is an estimate: a call that broke off."""
    label: str = ""
    """What the money went to, such as ``complex turn``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
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


@dataclass(slots=True)
class Account:
    """Admits, reserves and settles one call. Each method reads or writes the store."""

    budgets: tuple[Budget, ...]
    store: StateStore
    caller: Caller
    now: float = field(default_factory=time.time)
    """Epoch seconds when the call began: it stays in that day's budget."""
    id: str = field(default_factory=lambda: secrets.token_urlsafe(9))
    quotes: Mapping[str, Quote] = field(default_factory=dict)
    _least: Spend = Spend()
    _reserved: list[tuple[Budget, str]] = field(default_factory=list)
    _settled: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)
    """A cancelled call is settled while its reservation may still be under way."""

    def admit(self, quotes: Mapping[str, Quote]) -> Admission:
        """Which endpoints the call can be paid for at.

        Raises:
            Refused: At none.
        """
        self.quotes = allowed = quotes
        caps: list[Tier] = []
        standing = Standing()
        for budget in self.budgets:
            key = budget.key(self.caller.conversation, self.now)
            if key is None and budget.scope is not Scope.CALL:
                continue
            books = self._balance(key) if key else Balance()
            allowed = _affordable(budget, allowed, books)
            if key and _soft_measure(budget, books):
                standing = _with_soft(standing, budget, books)
                caps.append(budget.soft_tier)
        if len(allowed) < len(quotes):
            caps.append(max(quote.tier for quote in allowed.values()))
        self._least = min((q.spend for q in allowed.values()), key=lambda s: s.usd)
        self._say(standing)
        return Admission(frozenset(allowed), min(caps, default=None))

    def reserve(self, endpoint: str) -> None:
        """Puts what the call is expected to take aside, in every budget.

        Raises:
            Refused: Another call was faster; nothing is put aside.
        """
        quote = self.quotes[endpoint]
        entry = Entry(
            id=self.id,
            owner=owner(),
            label=f"{quote.tier} {self.label}",
            expected=quote.spend,
            elapsed=self._elapsed(),
        )
        with self._lock:
            refused = None if self._settled else self._reserve(entry)
            if refused is not None:
                self._settle(Charge(Spend(), label=entry.label))
        if refused is not None:
            _refuse(*refused, quote.spend)
        self._mark(self.now)

    def settle(self, charge: Charge) -> None:
        """Puts what the call took in the place of what was put aside; once."""
        with self._lock:
            self._settle(charge)
        self._mark(time.time())

    def _reserve(self, entry: Entry) -> tuple[Budget, Balance] | None:
        for budget in self.budgets:
            key = budget.key(self.caller.conversation, self.now)
            if key is None:
                continue
            self._reserved.append((budget, key))
            change = ledger.reserve(entry, budget.limits())
            answer = self.store.apply(key, change, ttl=budget.kept)
            if not answer.granted:
                return budget, answer.balance
        return None

    def _settle(self, charge: Charge) -> None:
        self._settled = True
        standing = Standing()
        for budget, key in self._reserved:
            change = ledger.settle(
                self.id, charge.spend, label=charge.label, doubt=charge.doubt
            )
            books = self.store.apply(key, change, ttl=budget.kept)
            standing = _with_soft(standing, budget, books)
            measure = exceeded(budget.limits(), books.committed, self._least)
            if measure and standing.hard is None:
                text = messages.hard_notice(budget, measure, books, self._least)
                standing = replace(standing, hard=text)
        self._say(standing)

    @property
    def label(self) -> str:
        """What kind of call it is, for the user."""
        outer = self.caller.session == self.caller.conversation
        return str(self.caller.purpose) if outer else f"sub-agent {self.caller.purpose}"

    def _balance(self, key: str) -> Balance:
        books = ledger.balance(self.store.read(key))
        return replace(books, spent=books.spent + self._elapsed())

    def _elapsed(self) -> Spend:
        """Wall time since the last step's call, which its tools took."""
        caller = self.caller
        if not caller.is_step or caller.new_request or caller.conversation is None:
            return Spend()
        return Spend(ms=round(1e3 * desk().since(caller.conversation, self.now)))

    def _mark(self, at: float) -> None:
        if self.caller.is_step and self.caller.conversation:
            desk().mark(self.caller.conversation, at)

    def _say(self, standing: Standing) -> None:
        if self.caller.conversation is not None:
            desk().note(self.caller.conversation, standing)


def _affordable(
    budget: Budget, quotes: Mapping[str, Quote], books: Balance
) -> Mapping[str, Quote]:
    limits = budget.limits()
    if "usd" in limits and not budget.allow_unpriced:
        priced = {k: q for k, q in quotes.items() if q.priced}
        if not priced:
            text = messages.unpriced_notice(budget, list(quotes))
            raise Refused(text, budget.name, "price")
        quotes = priced
    held = books.committed
    fitting = {k: q for k, q in quotes.items() if not exceeded(limits, held, q.spend)}
    if not fitting:
        cheapest = min((q.spend for q in quotes.values()), key=lambda s: s.usd)
        _refuse(budget, books, cheapest)
    return fitting


def _refuse(budget: Budget, books: Balance, expected: Spend) -> NoReturn:
    measure = exceeded(budget.limits(), books.committed, expected) or "usd"
    if budget.scope is Scope.CALL:
        text = messages.call_notice(budget, measure, expected)
    else:
        text = messages.hard_notice(budget, measure, books, expected)
    raise Refused(text, budget.name, measure)


def _soft_measure(budget: Budget, books: Balance) -> str | None:
    """The first measure whose soft limit is reached; ``None``: none."""
    held = books.committed
    for name, limit in budget.limits().items():
        if getattr(held, name) >= budget.soft * limit:
            return name
    return None


def _with_soft(standing: Standing, budget: Budget, books: Balance) -> Standing:
    measure = _soft_measure(budget, books)
    if measure is None:
        return standing
    # The limit is part of the name: once raised, the user is told again.
    name = f"{budget.scope}:{budget.name}:{measure}:{budget.limits()[measure]}"
    text = messages.soft_notice(budget, measure, books)
    return replace(standing, soft={**standing.soft, name: text})
