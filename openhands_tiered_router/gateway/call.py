"""One HTTP request as routing sees it, whichever API it came by."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from openhands_tiered_router.gateway.clients import Client
from openhands_tiered_router.policy import anthropic, chat, responses
from openhands_tiered_router.policy.entry import Entry
from openhands_tiered_router.tiers import Tier


MODEL: Final = "complexity-router"
"""The model name that is routed; ``complexity-router/simple`` asks for that tier."""
_AGENT: Final = "x-claude-code-agent-id"
"""Header of Claude Code's sub-agents, whose session is that of the main one."""
_WORKSPACE: Final = re.compile(
    # OpenHands' tools; Claude Code's environment block; Cursor's.
    r"(?:Your current working directory is|[Ww]orking directory|Workspace Path):"
    r" *(/[^\n<\"]*)"
)


class Wire(StrEnum):
    """The API that a request came by."""

    CHAT = "chat"
    MESSAGES = "messages"
    RESPONSES = "responses"


_WIRES: Final[Mapping[str, Wire]] = {
    "acompletion": Wire.CHAT,
    "completion": Wire.CHAT,
    "anthropic_messages": Wire.MESSAGES,
    "aresponses": Wire.RESPONSES,
    "responses": Wire.RESPONSES,
}
"""By LiteLLM's name of the call."""
_ENTRIES: Final[Mapping[Wire, Callable[[Sequence[Any]], Iterable[Entry]]]] = {
    Wire.CHAT: chat.entries_of,
    Wire.MESSAGES: anthropic.entries_of,
    Wire.RESPONSES: responses.entries_of,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayCall:
    """What a request holds that routing looks at."""

    wire: Wire
    history: Sequence[Any]
    """Messages or items in the wire's own form, the system's words first."""
    tools: Sequence[Any] = ()
    no_tools: bool = False
    """It says that it offers none, as Claude Code's titles do."""
    conversation: str | None = None
    """By the client's name for it."""
    agent: str | None = None
    """Which of the conversation's sub-agents asks, each with a history of its own."""
    pin: Tier | None = None
    """The tier that the model name asks for."""
    continues: str | None = None
    """Response whose history the provider keeps; it alone can go on from there."""
    client: Client | None = None
    """Who asks; ``None``: the operator, or anyone where there are no keys."""

    @property
    def session_id(self) -> str | None:
        """Whose history it is."""
        if self.conversation is None or self.agent is None:
            return self.conversation
        return f"{self.conversation}/{self.agent}"

    def entries_of(self, history: Sequence[Any]) -> Iterable[Entry]:
        """Part of the history in neutral form."""
        return _ENTRIES[self.wire](history)

    def fingerprint(self, message: Any) -> int:
        """Tells a message from others; cache markers may move between calls."""
        return hash(tuple(self.entries_of([message])))

    def tools_tokens(self) -> int:
        """Size of the tool schemas, tokens, at 4 characters each."""
        return len(json.dumps(self.tools)) // 4 if self.tools else 0

    def workspace(self) -> str | None:
        """The directory that the client says it works in."""
        texts = (*map(str, map(_description, self.tools)), *self._opening())
        found = (_WORKSPACE.search(text) for text in texts)
        return next((match[1].strip() for match in found if match), None)

    def _opening(self) -> Iterable[str]:
        return (e.text for e in self.entries_of(self.history[:2]) if e.role != "tool")


def call_of(
    data: Mapping[str, Any], call_type: str, client: Client | None = None
) -> GatewayCall | None:
    """The request that LiteLLM is about to serve; ``None``: of an API without turns.

    Args:
        data: Body of the request with what LiteLLM added to it.
        call_type: LiteLLM's name of the call.
        client: Who asks, if it has a key of its own.
    """
    wire = _WIRES.get(call_type)
    if wire is None:
        return None
    first, rest = {
        Wire.CHAT: (None, data.get("messages")),
        Wire.MESSAGES: (data.get("system"), data.get("messages")),
        Wire.RESPONSES: (
            data.get("instructions"),
            responses.items_of(data.get("input")),
        ),
    }[wire]
    opening = [{"role": "system", "content": first}] if first else []
    named = _conversation(data)
    return GatewayCall(
        wire=wire,
        history=[*opening, *(rest if isinstance(rest, list) else ())],
        tools=data.get("tools") or (),
        no_tools=data.get("tools") == [],
        conversation=client.session(named) if client else named,
        agent=_text(_headers(data).get(_AGENT)),
        pin=tier_of(data.get("model")),
        continues=_text(data.get("previous_response_id")),
        client=client,
    )


def is_routed(model: Any) -> bool:
    """Whether calls for that model name are routed."""
    return str(model).partition("/")[0] == MODEL


def tier_of(model: Any) -> Tier | None:
    """The tier that a model name asks for; ``None``: it leaves the choice."""
    try:
        return Tier.of(str(model).partition("/")[2])
    except ValueError:
        return None


def _conversation(data: Mapping[str, Any]) -> str | None:
    """LiteLLM reads it off headers and Claude Code's metadata; OpenHands' CLI and
    OpenAI's clients name the conversation in the body."""
    return _text(data.get("litellm_session_id")) or _text(data.get("prompt_cache_key"))


def _headers(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """The request's, as LiteLLM notes them: names in lower case."""
    request = data.get("proxy_server_request")
    headers = request.get("headers") if isinstance(request, Mapping) else None
    return headers if isinstance(headers, Mapping) else {}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _description(tool: Any) -> Any:
    if not isinstance(tool, Mapping):
        return ""
    function = tool.get("function")
    holder = function if isinstance(function, Mapping) else tool
    return holder.get("description", "")
