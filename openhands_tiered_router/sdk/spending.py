"""Where budgets stand in a call: before the decision, before sending, and after."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

from openhands_tiered_router.calls.steps import Reply, Step, blocking
from openhands_tiered_router.guards.budget.guard import MaxBudgetReached
from openhands_tiered_router.guards.budget.limits import NANO, Spend, nano
from openhands_tiered_router.guards.budget.reservation import (
    Account,
    Admission,
    Caller,
    Charge,
    Quote,
    Refused,
)
from openhands_tiered_router.policy.economics.costs import call_cost, warm_tokens
from openhands_tiered_router.policy.economics.dynamics import default_dynamics
from openhands_tiered_router.policy.outcome import ErrorKind, Outcome
from openhands_tiered_router.policy.request import Purpose, RoutingRequest
from openhands_tiered_router.policy.session import SessionState
from openhands_tiered_router.tiers import Endpoint


__all__ = ["Caller", "Quote", "Spending", "quotes"]

logger = logging.getLogger(__name__)

PERHAPS_CHARGED: Final = frozenset(
    {
        ErrorKind.TIMEOUT,
        ErrorKind.CANCELLED,
        ErrorKind.MALFORMED,
        ErrorKind.CONTENT_POLICY,
        ErrorKind.OTHER,
    }
)
"""Failures after which the provider may have done its work: counted as estimated."""


@dataclass(slots=True)
class Spending:
    """The budgets' part in one call; does nothing where no budget counts it."""

    account: Account | None
    quotes: Callable[[], Mapping[str, Quote]]
    note: Callable[[Caller, Refused], None]
    """Records a refused call."""
    admission: Admission | None = None
    _reserved: Quote | None = None

    def admit(self) -> Generator[Step, Reply, None]:
        """Asks what the call may be spent on.

        Raises:
            MaxBudgetReached: No budget allows this call, or none can be read.
        """
        account = self.account
        if account is not None:
            self.admission = yield from self._done(lambda: account.admit(self.quotes()))

    def capped(self, request: RoutingRequest) -> RoutingRequest:
        """The request within the tiers and the money that the budgets leave."""
        admission = self.admission
        if admission is None:
            return request
        caps = [cap for cap in (admission.cap, request.cap) if cap is not None]
        left = None if admission.left is None else admission.left / NANO
        return replace(request, cap=min(caps, default=None), left_usd=left)

    def order(self, endpoints: Sequence[Endpoint]) -> list[Endpoint]:
        """Those of the endpoints that can be paid for.

        Raises:
            MaxBudgetReached: None of them; those that can be may not serve the call.
        """
        if self.admission is None:
            return list(endpoints)
        paid = self.admission.endpoints
        order = [endpoint for endpoint in endpoints if endpoint.key in paid]
        if not order:
            raise MaxBudgetReached(
                f"The budgets leave {', '.join(sorted(paid))}, which may not serve "
                "this call. To go on, raise a limit in [[budgets]] (in a script: "
                "router.raise_budget) and run again; nothing is lost."
            )
        return order

    def reserve(self, endpoint: str) -> Generator[Step, Reply, None]:
        """Puts the call's expected cost aside.

        Raises:
            MaxBudgetReached: It is no longer there.
        """
        account = self.account
        if account is not None:
            self._reserved = account.quotes.get(endpoint)
            try:
                yield from self._done(lambda: account.reserve(endpoint))
            except GeneratorExit:
                self._settle_aside(Charge(Spend()))
                raise

    def settle(self, outcome: Outcome | None) -> Generator[Step, Reply, None]:
        """Books what the call took; does not raise."""
        account = self.account
        if account is not None:
            charge = self._charge(account, outcome)
            try:
                yield from self._done(lambda: account.settle(charge), over=True)
            except GeneratorExit:
                self._settle_aside(charge)
                raise

    def abandon(self, outcome: Outcome | None) -> None:
        """``settle`` for a call that was cancelled, which cannot wait for a disk."""
        if self.account is not None:
            self._settle_aside(self._charge(self.account, outcome))

    def _settle_aside(self, charge: Charge) -> None:
        account = self.account
        if account is None:
            return
        if account.store.local:
            account.settle(charge)
        else:
            threading.Thread(target=account.settle, args=[charge]).start()

    def _charge(self, account: Account, outcome: Outcome | None) -> Charge:
        """What the call took; must not raise: it is over and paid for."""
        try:
            if outcome is not None:
                return self._taken(account, outcome)
        except Exception as error:
            logger.error("cost not reported: %s; estimated", type(error).__name__)
        spend = self._reserved.spend if self._reserved else Spend()
        return Charge(spend, spend.usd, account.label)

    def _taken(self, account: Account, outcome: Outcome) -> Charge:
        """Exactly, where it was answered; else an estimate."""
        spend, doubt = Spend(), 0
        for attempt in outcome.attempts:
            if attempt.error in PERHAPS_CHARGED:
                estimate = account.quotes[attempt.endpoint].spend
                spend = spend.plus(Spend(estimate.usd, estimate.tokens))
                doubt += estimate.usd
        serving = self._reserved
        if outcome.endpoint is not None:
            serving = account.quotes[outcome.endpoint]
            answer, guessed = _answered(outcome, serving)
            turns = int(account.caller.purpose is Purpose.TURN)
            spend = spend.plus(answer._replace(turns=turns))
            doubt += guessed
        if account.caller.is_step:
            spend = spend.plus(Spend(ms=round(1e3 * outcome.seconds)))
        label = f"{serving.tier} {account.label}" if serving else account.label
        return Charge(spend, doubt, label)

    def _done[T](
        self, work: Callable[[], T], *, over: bool = False
    ) -> Generator[Step, Reply, T | None]:
        """Do it in the right place. Fails closed: a limit that cannot be checked allows
        nothing. A call that is ``over`` cannot be refused any more."""
        assert self.account is not None
        try:
            if self.account.store.local:
                return work()
            return (yield from blocking(work))
        except Refused as refusal:
            self.note(self.account.caller, refusal)
            raise MaxBudgetReached(str(refusal)) from None
        except Exception as error:
            fault = type(error).__name__
            if over:
                logger.error("budgets failed with %s; a call is not counted", fault)
                return None
            logger.error("budgets failed with %s; the call is refused", fault)
            raise MaxBudgetReached(
                f"The budgets cannot be checked ({fault}): their ledger is damaged, or "
                "of another version. To go on, move the state file of [state] away "
                "(spending is then counted from 0), or take out [[budgets]]."
            ) from None


def _answered(outcome: Outcome, quote: Quote) -> tuple[Spend, int]:
    """What an answer took, and how much of its cost is an estimate, in nano-USD.

    Providers leave out usage, and a price may be taken away while a call runs: neither
    makes the call free. Then the greater of what is known and what was expected counts.
    """
    used, cost = outcome.usage, outcome.cost
    tokens = used.prompt + used.completion
    known = cost is not None and math.isfinite(cost) and cost >= 0
    usd = nano(cost) if known and cost is not None else 0
    if tokens > 0 and known:
        return Spend(usd, tokens), 0
    logger.warning("an answer came without usage or price; its cost is estimated")
    expected = quote.spend
    estimate = max(usd, expected.usd)
    return Spend(estimate, max(tokens, expected.tokens)), estimate


def quotes(
    endpoints: Iterable[Endpoint],
    state: SessionState,
    *,
    prompt: int,
    is_turn: bool,
    now: float,
    look_back: int | None,
) -> dict[str, Quote]:
    """What a call is expected to take on each endpoint, by its key.

    Args:
        endpoints: Those that may serve it.
        state: What went before it in its conversation.
        prompt: Expected tokens of its prompt.
        is_turn: Whether it is a step of a conversation.
        now: Epoch seconds.
        look_back: See ``warm_tokens``.
    """
    output = longest_answer()
    tokens, turns = prompt + round(output), int(is_turn)
    found: dict[str, Quote] = {}
    for endpoint in endpoints:
        prices, usd = endpoint.prices, 0
        if prices is not None:
            warm = warm_tokens(
                state, endpoint, prompt=prompt, now=now, look_back=look_back
            )
            usd = nano(call_cost(prices, prompt=prompt, warm=warm, output=output))
        spend = Spend(usd, tokens, turns)
        found[endpoint.key] = Quote(endpoint.tier, spend, prices is not None)
    return found


@cache
def longest_answer() -> float:
    """Tokens of the dearest kind of turn: an estimate that is too low overspends."""
    return max(default_dynamics().output)
