"""A tool call as it is recorded; rows of the file have the same fields."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class ToolStatus(StrEnum):
    """How far a tool call got."""

    PENDING = "pending"
    """Asked for by the model; no result was seen."""
    DONE = "done"
    """It ran: well or badly."""
    INVALID = "invalid"
    """It could not run: unknown tool, unreadable arguments, or a crash of the tool."""
    REJECTED = "rejected"
    """The user said no."""
    BLOCKED = "blocked"
    """A hook said no."""
    CANCELLED = "cancelled"
    """A pause or interrupt came before its end."""


class ToolResult(Struct, frozen=True, kw_only=True):
    """What one tool call came to; never its arguments or result.

    Providers reuse tool-call ids within a conversation, and some reuse response
    ids across conversations, so a result is known by all three ids together.
    """

    conversation_id: str | None
    response_id: str | None
    """``None``: not known; the newest pending call of that tool-call id is meant."""
    tool_call_id: str
    tool_name: str
    time: float
    """Of the last thing known of it, seconds since the epoch."""
    status: ToolStatus = ToolStatus.PENDING
    action_kind: str | None = None
    """What the call was for, such as ``search`` or ``edit``; ``None``: not judged."""
    exit_code: int | None = None
    """Of a terminal command; -1: still running when the tool returned."""
    is_error: bool | None = None
    """What the tool said of itself: ``False`` for a command that exits with 2."""
    failed: bool | None = None
    """Error, invalid call, exit code other than 0, or tests that say so; ``None``: it
    has not run."""
    seconds: float | None = None
    """From the model's answer to the result, waiting for sibling calls included."""
    target: int | None = None
    """Stands for the file that it changed, equal within a process; not the path."""
    failure: int | None = None
    """Stands for how it failed, equal within a process; not what was said."""
