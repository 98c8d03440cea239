"""What the engine is asked: one call that needs an endpoint."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from openhands_tiered_router.tiers import Tier


class Purpose(StrEnum):
    """Why a call is made."""

    TURN = "turn"
    """The agent's next step in a conversation."""
    SIDE = "side"
    """Condensation, title, hook: in a conversation, but not a step of it."""
    ASK = "ask"
    """A question about the conversation that leaves no trace in it."""
    KEEP_ALIVE = "keep-alive"
    """A prompt sent again so that its cache does not die; a turn that was."""
    SINGLE = "single"
    """A call outside any conversation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingRequest:
    """One call to be routed. What went before it is in the session's state."""

    session_id: str | None
    purpose: Purpose
    prompt_tokens: int
    """Expected size of the prompt, tokens, tool schemas included."""
    images: int = 0
    """Pictures anywhere in the prompt: a blind endpoint may not serve it."""
    needs_tools: bool = False
    pin: Tier | None = None
    """The caller's wish; overrides a marker in the conversation."""
    workspace: str | None = None
    """Directory that the agent works in, if known."""
    marks_cache: bool = True
    """Whether the prompt can be marked for the provider's cache: a gateway sends its
    clients' own marks."""
    floor: Tier | None = None
    """No weaker tier may serve: a guard's or the user's wish for this call."""
    cap: Tier | None = None
    """No stronger tier may serve, whatever asks for one: a budget's word."""
    left_usd: float | None = None
    """USD that the budgets leave for this task; ``None``: none limits it."""
