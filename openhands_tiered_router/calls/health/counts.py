"""Two sums over a sliding stretch of time, in a value of constant size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Self


SLOTS: Final = 12
"""Parts that the stretch of time is cut into. More are more exact, and slower."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What was counted lately, in slots of ``span / SLOTS`` seconds.

    The slot that the stretch begins in counts as a whole. So a sum is never too
    small, and what falls out of it does so up to one slot late.
    """

    slots: tuple[tuple[int, int, int], ...] = ()
    """Number of the slot, first and second sum in it; oldest first."""

    def add(self, now: float, span: float, first: int, second: int) -> Self:
        """With so much more at ``now``, seconds."""
        current = self._current(now, span)
        kept = tuple(self._within(current))
        if kept and kept[-1][0] == current:
            _, one, two = kept[-1]
            return type(self)((*kept[:-1], (current, one + first, two + second)))
        return type(self)((*kept, (current, first, second)))

    @property
    def newest(self) -> int:
        """The slot that was added to last."""
        return self.slots[-1][0]

    def sums(self, now: float, span: float) -> tuple[int, int]:
        """Both sums over the last ``span`` seconds."""
        first = second = 0
        for _, one, two in self._within(self._current(now, span)):
            first += one
            second += two
        return first, second

    def corrected(self, slot: int, first: int, second: int) -> Self:
        """With so much more, or less, in a slot, if it still counts."""
        if self.slots and self.slots[-1][0] == slot:  # as nearly always
            _, one, two = self.slots[-1]
            return type(self)((*self.slots[:-1], (slot, one + first, two + second)))
        return type(self)(
            tuple(
                (n, one + first, two + second) if n == slot else (n, one, two)
                for n, one, two in self.slots
            )
        )

    def leaving(self, now: float, span: float) -> Iterator[tuple[float, int, int]]:
        """When each slot stops counting, and what goes with it; soonest first."""
        width = span / SLOTS
        for number, first, second in self._within(self._current(now, span)):
            yield (number + SLOTS + 1) * width, first, second

    def _within(self, current: int) -> Sequence[tuple[int, int, int]]:
        """The slots that count, oldest first."""
        slots = self.slots
        if slots and slots[0][0] >= current - SLOTS and slots[-1][0] <= current:
            return slots
        return [s for s in slots if current - SLOTS <= s[0] <= current]

    def _current(self, now: float, span: float) -> int:
        """Threads may come a little late with their time: the newest slot is now's
        too. What is further ahead was counted before the clock was set back."""
        current = int(now * SLOTS // span)
        newest = self.slots[-1][0] if self.slots else current
        return newest if current < newest <= current + SLOTS else current
