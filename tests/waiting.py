"""Waiting for what another thread or process does."""

from __future__ import annotations

import time
from collections.abc import Callable


PATIENCE = 300.0
"""Seconds: far more than a loaded machine needs, and less than a test may take."""


def wait_until[T](ask: Callable[[], T | None]) -> T:
    """The first answer that is true."""
    deadline = time.monotonic() + PATIENCE
    while not (answer := ask()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)
    return answer
