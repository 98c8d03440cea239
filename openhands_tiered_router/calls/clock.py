"""The clock by which waits, rests and breakers are measured."""

from __future__ import annotations

import time


class Clock:
    """Epoch seconds that never go back, so that a rest ends when it was to end.

    Processes share breakers and rate limits, so the monotonic clock alone will not do:
    its zero is each machine's own. A wall clock that is set back is not followed; one
    that is ahead is, since machines that slept have no other way to know.
    """

    def __init__(self) -> None:
        self._ahead = time.time() - time.monotonic()

    def __call__(self) -> float:
        """Epoch seconds."""
        ahead = time.time() - time.monotonic()
        if ahead > self._ahead:
            self._ahead = ahead
        return time.monotonic() + self._ahead


now = Clock()
