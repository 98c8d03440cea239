"""How long an endpoint takes to answer, over its last answers: to tell what hangs."""

from __future__ import annotations

import math
from collections import deque
from typing import Final


SAMPLES: Final = 64
"""Answers that a percentile is taken over; the 95th is then the fourth slowest."""
ENOUGH: Final = 20
"""Answers below which there is no percentile: from here one outlier is not it."""
SHARE: Final = 0.95


class Latency:
    """The 95th percentile of the last answers' seconds of silence, in constant memory.

    Streamed answers, by their first token, are kept apart from those in one piece.
    """

    def __init__(self) -> None:
        # By whether they were streamed.
        self._last = {True: deque[float](maxlen=SAMPLES), False: deque(maxlen=SAMPLES)}

    def took(self, seconds: float, *, streamed: bool) -> None:
        """Notes an answer; or a call that was given up after so long: it would have
        taken longer than that."""
        self._last[streamed].append(seconds)

    def usual(self, *, streamed: bool) -> float | None:
        """95th percentile of the seconds before an answer, or its first part; ``None``:
        too few answers yet."""
        last = self._last[streamed]
        if len(last) < ENOUGH:
            return None
        return sorted(last)[math.ceil(SHARE * len(last)) - 1]
