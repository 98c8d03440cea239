"""What is recorded beside calls; rows of the file have the same fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Struct

from openhands_tiered_router.record.telemetry.calls import (
    AGENT_TURN,
    Call,
    ToolResult,
    ToolStatus,
    routed,
)


__all__ = [
    "AGENT_TURN",
    "VERIFIER",
    "Call",
    "Detail",
    "GuardEvent",
    "Loss",
    "Record",
    "TextRecord",
    "ToolResult",
    "ToolStatus",
    "Verdict",
    "replace",
    "routed",
]


type Detail = str | int | float | bool | None
"""What a guard may say of an event: numbers, flags, and names that are not texts."""


class GuardEvent(Struct, frozen=True, kw_only=True):
    """Something that a guard did, or saw and let pass."""

    conversation_id: str | None
    time: float
    """Seconds since the epoch."""
    guard: str
    """Which one, such as ``budget``."""
    kind: str
    """What happened, such as ``soft_limit``."""
    detail: Mapping[str, Detail] = {}
    """By field's name. Strings are names: no words of users, models or commands."""


VERIFIER: Final = "verifier"
"""The judge that is this package's own; others are ``human``, ``ci`` or a name."""


class Verdict(Struct, frozen=True, kw_only=True):
    """What a judge made of a conversation's work."""

    conversation_id: str | None
    time: float
    """Seconds since the epoch."""
    judge: str = VERIFIER
    accepted: bool | None
    """``None``: it could not be judged, which is no acceptance."""
    reason: str
    """In one word: ``passed``, ``tests_fail``, ``no_tests``, ..."""
    round: int | None = None
    """How many verdicts of this judge on the same task came before."""
    tests: int | None = None
    """Test files that were run."""
    failing: int | None = None
    """Of these, those that the change made fail."""
    already_failing: int | None = None
    """Of these, those that failed without the change too."""
    seconds: float | None = None
    """Time that the judging took."""


class Loss(Struct, frozen=True):
    """Records that never reached the file; written so that reports can say so."""

    time: float
    count: int


class TextRecord(Struct, frozen=True, kw_only=True):
    """What was said in a recorded decision's call, redacted and cut; see ``texts``."""

    decision_id: str
    request: str | None
    """What the user said since the last answer; ``None``: nothing."""
    answer: str | None
    """What the model said, its tool calls included; ``None``: it did not answer."""


type Record = Call | ToolResult | GuardEvent | Verdict | TextRecord | Loss

replace: Final = msgspec.structs.replace
"""A copy of a record with other values."""
