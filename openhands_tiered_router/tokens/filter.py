"""Shortening a tool's result once, when it arrives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from openhands_tiered_router.tokens.distil import distilled
from openhands_tiered_router.tokens.repeats import Seen, without_repeats


LEAST: Final = 400
"""Characters below which fronts leave a result alone."""


@dataclass(frozen=True, slots=True)
class Filtered:
    """A result as it goes into the conversation."""

    text: str
    distilled: bool
    """Whether lines were left out that stand nowhere else in the conversation."""


def arrived(text: str, seen: Seen, *, distil: bool = True) -> Filtered:
    """``text`` without what is in view above it and what is routine; never longer.

    The same text and view give the same result, and a result is its own: whoever
    filters again changes nothing.

    Args:
        text: As the tool gave it.
        seen: What the conversation shows so far; not changed.
        distil: Whether routine may go, of which the whole is to be kept elsewhere.
    """
    shorter = distilled(text) if distil else text
    was_distilled = shorter != text
    # Until nothing changes: a notice may repeat another.
    while len(repeats := without_repeats(shorter, seen)) < len(shorter):
        shorter = repeats
    return Filtered(shorter, was_distilled)
