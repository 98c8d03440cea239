"""What is put on record: the currency between the router and the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from openhands_tiered_router.policy.decision import Decision
from openhands_tiered_router.policy.outcome import Outcome
from openhands_tiered_router.tiers import Tier, TierSet


AGENT_TURN = "agent"
"""Purpose of a call that the agent's own loop made; others name a side request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRecord:
    """A decision, with what only the front that asked for it knows."""

    decision_id: str
    conversation_id: str | None
    parent_conversation_id: str | None = None
    """Of a sub-agent: the conversation that started it."""
    turn: int | None = None
    """Number of the agent's turn, from 0; ``None``: not part of the agent's loop."""
    purpose: str = AGENT_TURN
    time: float
    """Seconds since the epoch."""
    model: str | None = None
    """litellm model string of the chosen endpoint."""
    overhead_us: float | None = None
    """Time that deciding took, microseconds."""
    decision: Decision
    tiers: TierSet | None = None
    """What it was chosen from, with prices; ``None``: not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeRecord:
    """What became of a recorded decision's call."""

    decision_id: str
    conversation_id: str | None
    time: float
    """When the call ended, seconds since the epoch. Like the conversation's id, it
    places the row if the decision itself was lost."""
    outcome: Outcome
    tier: Tier | None = None
    """Tier of the endpoint that answered: above the chosen one after a failover."""
    model: str | None = None
    """litellm model string of the endpoint that answered."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolResult:
    """What one tool call came to; never what it said or was told.

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


type Detail = str | int | float | bool | None
"""What a guard may say of an event: numbers, flags, and names that are not texts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardEvent:
    """Something that a guard did, or saw and let pass."""

    conversation_id: str | None
    time: float
    """Seconds since the epoch."""
    guard: str
    """Which one, such as ``budget``."""
    kind: str
    """What happened, such as ``soft_limit``."""
    detail: Mapping[str, Detail]
    """By field's name. Strings are names: no words of users, models or commands."""


VERIFIER = "verifier"
"""The judge that is this package's own; others are ``human``, ``ci`` or a name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """Records that never reached the file; written so that reports can say so."""

    time: float
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TextRecord:
    """What was said in a recorded decision's call, redacted and cut; see ``texts``."""

    decision_id: str
    request: str | None
    """What the user said since the last answer; ``None``: nothing."""
    answer: str | None
    """What the model said, its tool calls included; ``None``: it did not answer."""


type Record = (
    DecisionRecord
    | OutcomeRecord
    | ToolResult
    | GuardEvent
    | Verdict
    | TextRecord
    | Loss
)
