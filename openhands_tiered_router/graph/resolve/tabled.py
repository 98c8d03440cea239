"""Recursive questions with their answers kept, and what each answer depends on.

Resolution is recursive and can run in circles (a module that imports itself, a
class that is its own base). An answer that was cut short by a circle depends on
where the circle was entered, so it is kept only at that entry: every kept
answer is a function of its question alone. That is what makes an incremental
update equal to a fresh build, in whatever order files are linked.
(Tabling as in logic programming: Tamaki and Sato, OLD resolution with
tabulation, 1986.)
"""

from collections.abc import Callable, Collection
from functools import wraps
from typing import Any, Concatenate, Final

from openhands_tiered_router.graph.resolve.index import Index, Key


DEPTH: Final = 60
"""Nested questions; a deeper one has no answer. Keeps Python's stack safe."""
KEPT: Final = 60_000
"""Answers kept before all are dropped, about 40 MB."""
CHANGED: Final = 5_000
"""Keys that changed before all answers are dropped: checking gets expensive."""

_NEVER: Final = 1 << 30


class _Kept:
    """An answer, and the keys that it depends on."""

    __slots__ = ("reads", "seen", "value")

    def __init__(self, value: Any, reads: tuple[Key, ...], seen: int) -> None:
        self.value = value
        self.reads = reads
        self.seen = seen
        """How many changes of the index are known not to concern it."""


class Tabled:
    """Holds the kept answers, and the keys read since `start`."""

    def __init__(self, index: Index) -> None:
        self.index = index
        self.reads: set[Key] = set()
        self._kept: dict[tuple[Any, ...], _Kept] = {}
        self._changed: set[Key] = set()
        self._changes = 0
        self._open: dict[tuple[Any, ...], int] = {}
        self._lowest = _NEVER

    def start(self) -> None:
        """Begin a new file: forget what was read, keep the answers."""
        self.reads = set()
        if len(self._kept) > KEPT:
            self._kept.clear()

    def forget(self, changed: Collection[Key] | None = None) -> None:
        """Drop answers, as the index has changed.

        Args:
            changed: The keys that answer differently; None for any.
        """
        self._changes += 1
        if changed is None or len(self._changed) + len(changed) > CHANGED:
            self._kept.clear()
            self._changed.clear()
        else:
            self._changed.update(changed)

    def _holds(self, kept: _Kept) -> bool:
        """Whether an answer from before some changes depends on none of them.

        It may have been found after the change of a key that it read; finding it
        once more costs less than to remember when each key changed.
        """
        if self._changed.isdisjoint(kept.reads):
            kept.seen = self._changes
            return True
        return False

    def _solve(
        self, question: tuple[Any, ...], answer: Callable[..., Any], args: Any
    ) -> Any:
        depth = len(self._open)
        if depth >= DEPTH:
            self._lowest = -1
            return None
        outer, outer_lowest = self.reads, self._lowest
        self._open[question], self.reads, self._lowest = depth, set(), _NEVER
        try:
            value = answer(self, *args)
        finally:
            del self._open[question]
            reads, lowest = self.reads, self._lowest
            outer |= reads
            self.reads, self._lowest = outer, outer_lowest
        if lowest >= depth:
            self._kept[question] = _Kept(value, tuple(reads), self._changes)
        else:
            self._lowest = min(outer_lowest, lowest)
        return value


def tabled[S: Tabled, **P, T](
    answer: Callable[Concatenate[S, P], T],
) -> Callable[Concatenate[S, P], T | None]:
    """Keep a method's answers by its arguments; None while it is being found."""
    name = answer.__name__

    @wraps(answer)
    def ask(self: S, *args: P.args, **_: P.kwargs) -> T | None:
        question = (name, args)
        kept = self._kept.get(question)
        if kept is not None and (kept.seen == self._changes or self._holds(kept)):
            self.reads.update(kept.reads)
            return kept.value
        at = self._open.get(question)
        if at is not None:
            self._lowest = min(self._lowest, at)
            return None
        return self._solve(question, answer, args)

    return ask
