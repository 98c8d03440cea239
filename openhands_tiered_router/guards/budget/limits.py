"""What a budget is."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property
from math import ceil
from typing import Annotated, Final, NamedTuple, Self

from pydantic import AfterValidator, Field, model_validator

from openhands_tiered_router.fields import (
    Count,
    Number,
    Section,
    TierName,
    fault,
)
from openhands_tiered_router.tiers import Tier


NANO: Final = 10**9
"""Money is counted in whole nano-USD: the cheapest token of a price list costs some
10, so nothing is lost to rounding and sums are exact."""

MEASURES: Final = ("usd", "tokens", "turns", "seconds")
"""What a budget can limit, by its keys; in the order of ``Spend``."""

_DAY: Final = 86_400.0


class Scope(StrEnum):
    """Whose spending a budget counts."""

    CALL = "call"
    """One call: an endpoint that is expected to cost more does not serve it."""
    CONVERSATION = "conversation"
    """A conversation with its sub-agents, condensers, titles and questions."""
    DAY = "day"
    """A day, by UTC, over all conversations that share the state."""
    PROJECT = "project"
    """All that is ever counted under the budget's name."""
    USER = "user"
    """The same."""


class Spend(NamedTuple):
    """An amount in all the measures that a budget can limit; whole numbers.

    A tuple, since each call makes a dozen of them.
    """

    usd: int = 0
    """Nano-USD."""
    tokens: int = 0
    """Prompt and answer, cached ones included."""
    turns: int = 0
    """Answers to steps of a conversation; titles and summaries are none."""
    ms: int = 0
    """Milliseconds of wall time."""

    def plus(self, other: Spend) -> Spend:
        """The sum; measure by measure."""
        if other is NOTHING:
            return self
        return Spend(
            self.usd + other.usd,
            self.tokens + other.tokens,
            self.turns + other.turns,
            self.ms + other.ms,
        )


NOTHING: Final = Spend()

type Limits = tuple[tuple[int, int], ...]
"""The limited measures: index in ``Spend``, and limit."""


def nano(usd: float) -> int:
    """USD as whole nano-USD, rounded up but for what floats add by themselves."""
    return ceil(usd * NANO - 5e-4)


class Budget(Section):
    """A limit on what may be spent: one ``[[budgets]]`` table.

    Measures without a limit are not limited.
    """

    name: Annotated[str, Field(min_length=1, max_length=100)]
    """Budgets of one scope and name count together, also over configurations."""
    scope: Scope = Scope.CONVERSATION
    """Whose spending counts: call, conversation (with its sub-agents), day (UTC),
    project or user (all that was ever counted under the name)."""
    usd: Annotated[Number, Field(ge=0, le=1e6)] | None = None
    """Limit in USD."""
    tokens: Annotated[Count, Field(ge=0, le=10**12)] | None = None
    """Limit in tokens, prompts and answers, cached ones included."""
    turns: Annotated[Count, Field(ge=0, le=10**9)] | None = None
    """Limit in answers to steps of conversations."""
    seconds: Annotated[Number, Field(ge=0, le=1e9)] | None = None
    """Limit in wall time from the first call on, without waits for the user."""
    soft: Annotated[Number, Field(gt=0, le=1)] = 0.8
    """Share of a limit from which on no tier above ``soft_tier`` serves."""
    soft_tier: TierName = Tier.MEDIUM
    """That tier: one below the default tier, so that work goes on at less."""
    allow_unpriced: bool = False
    """Let endpoints without a known price serve under a USD limit; they count 0."""

    @model_validator(mode="after")
    def _check_limits(self) -> Self:
        given = {name for name in MEASURES if getattr(self, name) is not None}
        if not given:
            raise fault("limits nothing", f"Give at least one of {', '.join(MEASURES)}")
        if self.scope is Scope.CALL and given - {"usd", "tokens"}:
            remedy = "Limit usd or tokens; a call's time is [dispatch] attempt_timeout"
            raise fault("limits a call in turns or seconds", remedy)
        return self

    @cached_property
    def limits(self) -> Limits:
        """What is limited, in the units of ``Spend``."""
        given = (
            None if self.usd is None else nano(self.usd),
            self.tokens,
            self.turns,
            None if self.seconds is None else round(1e3 * self.seconds),
        )
        return tuple((i, limit) for i, limit in enumerate(given) if limit is not None)

    def key(self, conversation: str | None, now: float) -> str | None:
        """Where its ledger is; ``None``: it does not count such a call, or keeps none.

        Args:
            conversation: The outermost one that the call belongs to, if any.
            now: Epoch seconds.
        """
        if self.scope is Scope.CALL:
            return None
        key = self._key
        if self.scope is Scope.CONVERSATION:
            return f"{key}:{conversation}" if conversation else None
        if self.scope is Scope.DAY:
            return f"{key}:{datetime.fromtimestamp(now, UTC):%Y-%m-%d}"
        return key

    @cached_property
    def _key(self) -> str:
        return f"budget:{self.scope}:{self.name}"

    @property
    def kept(self) -> float | None:
        """Seconds after which an unused ledger may go; ``None``: never.

        A day's is of no use after it; a conversation may be resumed for a year.
        """
        return _KEPT.get(self.scope)


_KEPT: Final = {Scope.DAY: 2 * _DAY, Scope.CONVERSATION: 365 * _DAY}


def _distinct(budgets: tuple[Budget, ...]) -> tuple[Budget, ...]:
    if len({(budget.scope, budget.name) for budget in budgets}) == len(budgets):
        return budgets
    remedy = "Write their limits into one, or rename one"
    raise fault("has two budgets of one scope and name", remedy)


Budgets = Annotated[tuple[Budget, ...], AfterValidator(_distinct)]
"""Every ``[[budgets]]`` table."""
