"""What a loopback script sees and answers, whatever the wire format."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from openhands_tiered_router.loopback.faults import Fault
from openhands_tiered_router.policy.outcome import Usage


class Wire(StrEnum):
    """The wire format of a request."""

    CHAT = "chat"
    """OpenAI ``/v1/chat/completions``."""
    RESPONSES = "responses"
    """OpenAI ``/v1/responses``."""
    MESSAGES = "messages"
    """Anthropic ``/v1/messages``."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call of a tool, with its arguments as an object."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    id: str = ""
    """Empty in a :class:`Reply`: the provider makes a fresh one."""


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool gave back for the call with that id."""

    id: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message of the history. Tool results have the role ``tool``."""

    role: str
    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_results: tuple[ToolResult, ...] = ()
    thinking: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One parsed request."""

    wire: Wire
    model: str
    messages: tuple[Message, ...]
    tools: tuple[str, ...]
    """Names of the tools on offer."""
    stream: bool
    session: str | None
    """The conversation's id, if the client names one: the header
    ``x-litellm-session-id``, else the body's ``prompt_cache_key``."""
    headers: Mapping[str, str]
    """Names in lower case; the key is replaced by its fingerprint."""
    body: Mapping[str, Any]
    number: int
    """Counts all requests to the provider, from 1."""
    model_number: int
    """Counts the requests to this model, from 1."""

    @property
    def turn(self) -> int:
        """How many answers of an assistant the history holds."""
        return sum(m.role == "assistant" for m in self.messages)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One answer of a model."""

    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    thinking: str = ""
    """A thinking block (Anthropic), reasoning item (Responses) or
    ``reasoning_content`` (chat completions)."""
    usage: Usage | None = None
    """``None``: counted by the provider (see ``metering``)."""


type Script = Callable[[Request], Reply | Fault]
"""Decides each answer. Called on the provider's event loop, so it must not block."""
