"""Running counts of a conversation: small, so that a step costs no look back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from openhands_tiered_router.policy.caches import Gaps, outlasts
from openhands_tiered_router.policy.kinds import ActionKind


NEVER: Final = -1
_KINDS: Final = tuple(ActionKind)
_INDEX: Final = {kind: i for i, kind in enumerate(_KINDS)}
_NOWHERE: Final = (NEVER,) * len(_KINDS)

TYPICAL_TURN: Final = 8.0
"""Seconds from one answer to the next: what a session is taken for until it shows its
own. Geometric mean of five agents' geometric means, which are 6.3 to 10.6
(docs/benchmarks.md)."""
_TYPICAL_WEIGHT: Final = 0.5
"""How many turns of its own outweigh that: turn times differ by session far more
than within one."""


@dataclass(frozen=True, slots=True)
class Tally:
    """How many turns there were, when each kind last came, and what it led to."""

    turns: int = 0
    hard: int = 0
    failures: int = 0
    failed_at: int = NEVER
    at: tuple[int, ...] = _NOWHERE
    """The turn, from 0, that last was of each kind, in ``ActionKind``'s order."""
    led_to: Mapping[tuple[str, ...], tuple[int, int]] = field(default_factory=dict)
    """By context: how many turns came after it, and how many were mechanical."""

    def turn(
        self,
        kind: ActionKind,
        hard: bool,
        context: tuple[str, ...],
    ) -> Tally:
        """The counts with one more turn, which came after ``context``."""
        i = _INDEX[kind]
        led_to = self.led_to
        if context:
            led_to = {**led_to}
            # The shorter context too: two kinds are seen too seldom to rely on.
            for key in {context, _shorter(context)}:
                seen, mechanical = led_to.get(key, (0, 0))
                led_to[key] = (seen + 1, mechanical + (not hard))
        return Tally(
            turns=self.turns + 1,
            hard=self.hard + hard,
            failures=self.failures,
            failed_at=self.failed_at,
            at=_with(self.at, i, self.turns),
            led_to=led_to,
        )

    def failed(self) -> Tally:
        """The counts after an action of the last turn failed."""
        here = self.turns - 1
        if self.failed_at == here:
            return self
        return replace(self, failures=self.failures + 1, failed_at=here)

    def since(self, kind: ActionKind) -> int | None:
        """Turns since one of that kind, 1 for the last; ``None``: there was none."""
        at = self.at[_INDEX[kind]]
        return None if at == NEVER else self.turns - at

    def after(self, context: tuple[str, ...], short: bool) -> tuple[int, int]:
        """Turns seen after a context, and how many of them were mechanical."""
        return self.led_to.get(_shorter(context) if short else context, (0, 0))


@dataclass(frozen=True, slots=True)
class Pace:
    """How long this conversation's turns take, from answer to answer."""

    answered_at: float | None = None
    """End of the last answer, epoch seconds."""
    gaps: Gaps = Gaps()
    """The turns' seconds."""

    def answered(self, now: float, *, waited: bool) -> Pace:
        """The pace after an answer; ``waited``: the user spoke since the last one."""
        before = self.answered_at
        if before is None or waited or now <= before:
            return replace(self, answered_at=now)
        return Pace(answered_at=now, gaps=self.gaps.after(now - before))

    @property
    def _middle(self) -> float:
        """Expected mean of the logarithms of a turn's seconds."""
        known = self.gaps.log_sum + _TYPICAL_WEIGHT * math.log(TYPICAL_TURN)
        return known / (self.gaps.count + _TYPICAL_WEIGHT)

    @property
    def mean_seconds(self) -> float:
        """Expected mean of a turn's seconds (that of a log-normal distribution)."""
        return math.exp(self._middle + self.gaps.deviation**2 / 2)

    def outlasts(self, seconds: float) -> float:
        """P(a turn takes longer than so many seconds).

        The mean of so few turns is uncertain too, which the spread is widened by.
        """
        unsure = 1.0 + 1.0 / (self.gaps.count + _TYPICAL_WEIGHT)
        return outlasts(seconds, self._middle, self.gaps.deviation * math.sqrt(unsure))


def _shorter(context: tuple[str, ...]) -> tuple[str, ...]:
    """The last kind alone, marked off from a context of one kind."""
    kinds = context[:-1] if context[-1] == "failed" else context
    return (*context[len(kinds) - 1 :], "last")


def _with(values: tuple[int, ...], i: int, value: int) -> tuple[int, ...]:
    return (*values[:i], value, *values[i + 1 :])
