"""What a conversation remembers of its verification, in its own stored state."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final


if TYPE_CHECKING:
    from openhands.sdk.conversation.state import ConversationState


KEY: Final = "tiered_router_verification"
"""Of ``ConversationState.agent_state``, which resumes and forks keep."""


class Status(StrEnum):
    """How far verification is."""

    PENDING = "pending"
    """The agent works, or works again."""
    VERIFIED = "verified"
    UNVERIFIED = "unverified"
    """It ended without a verification that passed."""


@dataclass(frozen=True, slots=True)
class Verification:
    """The progress of a conversation's verification."""

    status: Status = Status.PENDING
    reason: str = ""
    """A ``Reason``; "": there was no verdict yet."""
    base: str = ""
    """Git tree that changes are measured against; "": there is none."""
    request: str = ""
    """Id of the user's message that is being worked on."""
    rounds: int = 0
    """Times that the work on it went back to the agent."""
    rejected: int = 0
    """Rejections since the last verdict that passed."""


def verification_of(state: ConversationState) -> Verification | None:
    """The progress of a conversation's verification; ``None``: not begun."""
    try:
        stored = state.agent_state[KEY]
        return Verification(**{**stored, "status": Status(stored["status"])})
    except (KeyError, TypeError, ValueError):  # such as the state of a later release
        return None


def remember(state: ConversationState, verification: Verification) -> None:
    """Stores it. By reassignment, for only that is noticed and saved."""
    state.agent_state = {**state.agent_state, KEY: asdict(verification)}
