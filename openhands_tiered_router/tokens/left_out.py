"""How much shorter results are than what they were: for reports, and nothing else.

Kept in the process alone. A conversation that another process goes on with has results
that were shortened before, of which nothing is known here: they count as whole.
"""

from __future__ import annotations

import threading
from typing import Final


_REMEMBERED: Final = 5_000
"""Texts: some 300 bytes each."""
_END: Final = 100
"""Characters of either end by which a text is known: hashing all of them at each call
would take longer than all the rest."""

_lock = threading.Lock()
_known: dict[tuple[int, str, str], int] = {}


def note(short: str, whole: str) -> None:
    """Remembers that prompts have ``short`` in place of ``whole``."""
    if len(short) >= len(whole):
        return
    with _lock:
        _known[_key(short)] = len(whole) - len(short)
        while len(_known) > _REMEMBERED:
            del _known[next(iter(_known))]


def characters(text: str) -> int:
    """That a tool's result lacks; 0: it is whole, or was not shortened here."""
    return _known.get(_key(text), 0) if _known else 0


def _key(text: str) -> tuple[int, str, str]:
    return len(text), text[:_END], text[-_END:]
