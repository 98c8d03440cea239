"""What a budget is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property
from math import ceil
from typing import Final, NamedTuple

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


@dataclass(frozen=True, kw_only=True)
class Budget:
    """A limit on what may be spent. Measures without a limit are not limited."""

    name: str
    """Budgets of one scope and name share what was spent."""
    scope: Scope = Scope.CONVERSATION
    usd: float | None = None
    tokens: int | None = None
    turns: int | None = None
    seconds: float | None = None
    """Wall time from the first call on, without waits for the user."""
    soft: float = 0.8
    """Share of a limit from which on the tier is capped."""
    soft_tier: Tier = Tier.MEDIUM
    """The cap: one below the default tier, so that work goes on at less."""
    allow_unpriced: bool = False
    """Lets endpoints without a known price serve; they count as 0 USD."""

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
