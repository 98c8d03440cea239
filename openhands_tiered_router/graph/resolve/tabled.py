"""Recursive questions with their answers kept, and what each answer depends on.

Resolution is recursive and can run in circles (a module that imports itself, a
class that is its own base). An answer that was cut short by a circle depends on
where the circle was entered, so it is kept only at that entry: every kept
answer is a function of its question alone. That is what makes an incremental
update equal to a fresh build, in whatever order files are linked.
(Tabling as in logic programming: Tamaki and Sato, OLD resolution with
tabulation, 1986.)
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, Final

from .index import Index, Key


DEPTH: Final = 60
"""Nested questions; a deeper one has no answer. Keeps Python's stack safe."""
KEPT: Final = 60_000
"""Answers kept before all are dropped, about 40 MB."""

_NEVER: Final = 1 << 30


class Tabled:
    """Holds the kept answers, and the keys read since `start`."""

    def __init__(self, index: Index) -> None:
        self.index = index
        self.reads: set[Key] = set()
        self._kept: dict[tuple[Any, ...], tuple[Any, tuple[Key, ...]]] = {}
        self._open: dict[tuple[Any, ...], int] = {}
        self._lowest = _NEVER

    def start(self) -> None:
        """Begin a new file: forget what was read, keep the answers."""
        self.reads = set()
        if len(self._kept) > KEPT:
            self._kept.clear()

    def forget(self) -> None:
        """Drop all answers; the index has changed."""
        self._kept.clear()

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
            self._kept[question] = value, tuple(reads)
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
        question = (name, *args)
        kept = self._kept.get(question)
        if kept is not None:
            self.reads.update(kept[1])
            return kept[0]
        at = self._open.get(question)
        if at is not None:
            self._lowest = min(self._lowest, at)
            return None
        return self._solve(question, answer, args)

    return ask
