"""How long an endpoint takes to answer, over its last answers."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from typing import Final


SAMPLES: Final = 64
"""Answers that a percentile is taken over; the 95th is then the fourth slowest."""
ENOUGH: Final = 20
"""Answers below which there is no percentile: from here one outlier is not it."""
SHARE: Final = 0.95
MIN_TOKENS: Final = 50
"""Tokens of an answer from which its time per token says something: below, what takes
time is mostly the prompt."""


@dataclass(slots=True)
class Percentile:
    """The 95th percentile of the last ``SAMPLES`` values, in constant memory."""

    value: float | None = None
    """``None``: too few values yet."""
    _last: deque[float] = field(default_factory=lambda: deque(maxlen=SAMPLES))

    def add(self, sample: float) -> None:
        self._last.append(sample)
        if len(self._last) >= ENOUGH:
            place = math.ceil(SHARE * len(self._last)) - 1
            self.value = sorted(self._last)[place]

    def clear(self) -> None:
        self._last.clear()
        self.value = None


class Latency:
    """What is comparable is kept apart: streamed answers by their first token, others
    by their time per token; and their whole time, to tell what hangs."""

    def __init__(
        self, max_first_token: float | None, max_token_time: float | None, rest: float
    ) -> None:
        self._limits = max_first_token, max_token_time
        self._rest = rest
        self._slow_until = 0.0
        self.first_token = Percentile()
        """Seconds."""
        self.token_time = Percentile()
        """Seconds per token."""
        self.whole = Percentile()
        """Seconds, of answers that came in one piece."""

    def slow(self, now: float) -> bool:
        """Whether a percentile passed its limit not long ago."""
        return now < self._slow_until

    def streamed(self, now: float, first_token: float) -> None:
        """Notes a streamed answer; seconds."""
        self.first_token.add(first_token)
        self._judge(now)

    def answered(self, now: float, seconds: float, tokens: int) -> None:
        """Notes an answer that came in one piece."""
        self.whole.add(seconds)
        if tokens >= MIN_TOKENS:
            self.token_time.add(seconds / tokens)
            self._judge(now)

    def cut(self, seconds: float, *, streamed: bool) -> None:
        """Notes a call that was given up: it would have taken longer than that."""
        (self.first_token if streamed else self.whole).add(seconds)

    def usual(self, *, streamed: bool) -> float | None:
        """95th percentile of the seconds of silence before an answer, or its part."""
        return (self.first_token if streamed else self.whole).value

    def _judge(self, now: float) -> None:
        """Past its limit, an endpoint rests, and is then measured afresh: while it is
        avoided there are no answers to judge it by."""
        series = self.first_token, self.token_time
        for limit, percentile in zip(self._limits, series, strict=True):
            value = percentile.value
            if limit is not None and value is not None and value > limit:
                self._slow_until = now + self._rest
                percentile.clear()
