"""What is thought of an action before it runs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Level(IntEnum):
    """How risky an action is; the SDK's levels without ``UNKNOWN``."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3


@dataclass(frozen=True, slots=True)
class Verdict:
    """A level with its reason."""

    level: Level
    reason: str
    """For a person; may name a command or an option, never a file's content."""


class Unclear(Exception):
    """It is not sure that an action only reads; the text says why, for a person."""


def names(text: str) -> frozenset[str]:
    """A set of names written as one text."""
    return frozenset(text.split())
