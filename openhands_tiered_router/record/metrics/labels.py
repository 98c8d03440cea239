"""Values of labels: clean, and not too many."""

from __future__ import annotations

from typing import Final

from openhands_tiered_router.record.telemetry import clean


OTHER: Final = "other"
MAX_VALUES: Final = 100
"""Distinct values of a label; further ones are counted as ``other``. Each is a time
series of its own, and some (judges, models, guards) come from outside."""


class Label:
    """The values of one label in one process."""

    def __init__(self, most: int = MAX_VALUES) -> None:
        self._most = most
        self._known: dict[str, str] = {}

    def of(self, value: object) -> str:
        """The value as it is shown: without what looks like a key."""
        text = str(value)
        known = self._known.get(text)
        if known is None:
            if len(self._known) >= self._most:
                return OTHER
            known = self._known[text] = clean.name(text)
        return known
