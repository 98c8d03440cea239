"""Messages to the user about a budget."""

from __future__ import annotations

from typing import Final

from openhands_tiered_router.guards.budget.ledger import Balance, is_gone
from openhands_tiered_router.guards.budget.limits import (
    MEASURES,
    NANO,
    Budget,
    Scope,
    Spend,
)
from openhands_tiered_router.plural import counted


MAX_NAMED: Final = 6
"""Parts of the spending that are named, dearest first."""

COMMAND_LINE: Final = "--budget"
"""Name of the budget that an option of ``tiered-router run`` gives."""
CLIENT: Final = "key:"
"""Begins the names of the budgets of clients of the gateway."""


def soft_notice(
    budget: Budget, measure: int, books: Balance, *, routed: bool = True
) -> str:
    """The soft limit was passed; ``routed``: and a router sees to it."""
    text = (
        f"{_name(budget)} is more than {budget.soft:.0%} used: "
        f"{_amount(measure, books.committed)} of {_limit(budget, measure)}."
    )
    cap = f" No tier above {budget.soft_tier} serves from here on."
    return text + cap if routed else text


def hard_notice(
    budget: Budget,
    measure: int,
    books: Balance,
    expected: Spend | None = None,
    where: str | None = None,
) -> str:
    """The next call does not fit; ``where`` the limit can be raised, if not usual."""
    held = books.committed
    over = held[measure] >= dict(budget.limits)[measure]
    state = "is used up" if over else "has no room for the next call"
    texts = [f"{_name(budget)} {state}: {_spent(budget, measure, books)}"]
    if not over and expected is not None:
        texts.append(f"The next call is expected to take {_amount(measure, expected)}")
    texts.append(
        f"To go on, raise {where or _where(budget, measure)} and run again; "
        "nothing is lost"
    )
    return ". ".join(texts) + "."


def call_notice(budget: Budget, measure: int, expected: Spend) -> str:
    """No endpoint is cheap enough for one call."""
    return (
        f"{_name(budget)} allows {_limit(budget, measure)}; this one is expected to "
        f"take {_amount(measure, expected)} on the cheapest endpoint. To go on, raise "
        f"{_where(budget, measure)} and run again; nothing is lost."
    )


def unpriced_notice(budget: Budget, endpoints: list[str]) -> str:
    """No endpoint has a price, so the money cannot be counted."""
    return (
        f"{_name(budget)} limits USD, and no price is known for "
        f"{', '.join(endpoints)}. Give input_cost_per_token and "
        "output_cost_per_token in the configuration, or set allow_unpriced = true in "
        f'[[budgets]] "{budget.name}".'
    )


def _spent(budget: Budget, measure: int, books: Balance) -> str:
    text = (
        f"{_amount(measure, books.committed)} of {_limit(budget, measure)} "
        f"in {counted(books.spent.turns, 'turn')}"
    )
    if books.parts:
        dearest = sorted(books.parts.items(), key=lambda part: -part[1])
        named = [f"{label} {_usd(usd)}" for label, usd in dearest[:MAX_NAMED]]
        text += f" ({', '.join(named)})"
    return text + _unsettled(books)


def _unsettled(books: Balance) -> str:
    """What is counted though nobody knows what it cost, or not yet."""
    gone = sum(map(is_gone, books.owners))
    flying = len(books.owners) - gone
    texts = []
    if books.doubt:
        texts.append(f"{_usd(books.doubt)} of it estimated: the calls broke off")
    if gone:
        texts.append(f"{counted(gone, 'call')} of ended processes at the estimate")
    if flying:
        texts.append(f"{counted(flying, 'call')} under way")
    return f"; {'; '.join(texts)}" if texts else ""


def _where(budget: Budget, measure: int) -> str:
    if budget.name == COMMAND_LINE:
        return COMMAND_LINE
    if budget.name.startswith(CLIENT):
        name = budget.name.removeprefix(CLIENT)
        return f"the limit (its operator: tiered-router keys limit {name})"
    return (
        f'{MEASURES[measure]} in [[budgets]] "{budget.name}" (in a script: '
        "router.raise_budget)"
    )


def _name(budget: Budget) -> str:
    whose = {
        Scope.CALL: "a call",
        Scope.CONVERSATION: "this conversation",
        Scope.DAY: "today (UTC)",
        Scope.PROJECT: "the project",
        Scope.USER: "the user",
    }[budget.scope]
    return f'Budget "{budget.name}" for {whose}'


def _limit(budget: Budget, measure: int) -> str:
    limit = dict(budget.limits)[measure]
    return _amount(measure, Spend()._replace(**{Spend._fields[measure]: limit}))


def _amount(measure: int, spend: Spend) -> str:
    value, name = spend[measure], MEASURES[measure]
    if name == "usd":
        return _usd(value)
    if name == "seconds":
        return f"{value / 1e3:.0f} s"
    return counted(value, name.removesuffix("s"))


def _usd(nano: int) -> str:
    usd = nano / NANO
    return f"${usd:.4f}" if usd >= 0.001 or not usd else f"${usd:.2g}"
