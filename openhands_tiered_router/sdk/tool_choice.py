"""MCP tools that are offered by their schemas, and the others, found when needed.

Schemas stand before everything else in a prompt: they are paid for at each call, and
changing the set in mid-conversation would end every cache. So it is chosen once, by the
first request, and kept with the conversation; the rest is behind two tools that never
change.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Final, Self

from openhands.sdk.conversation.state import ConversationState
from openhands.sdk.event import MessageEvent
from openhands.sdk.llm import TextContent
from openhands.sdk.mcp.tool import MCPToolDefinition
from openhands.sdk.tool import (
    Action,
    Observation,
    ToolAnnotations,
    ToolDefinition,
    ToolExecutor,
)
from pydantic import Field

from openhands_tiered_router.policy.session import CHARS_PER_TOKEN


AGENT_STATE: Final = "tiered_router_tools"
"""Key in the conversation's ``agent_state``: what was chosen."""
FOUND: Final = 3
"""Tools that a search shows."""
_DESCRIPTION: Final = 600
_NAMES: Final = 1_000
"""Characters of descriptions and of the list of names that are shown."""

Tools = Mapping[str, ToolDefinition[Any, Any]]
Rank = Callable[[str, Mapping[str, tuple[str, str]]], list[str]]
"""Names of tools, the one that fits a text best first; by name, the description and
what else is known of the tool."""


class FindToolAction(Action):
    query: str = Field(description="What the tool should do, in a few words.")


class FindToolObservation(Observation):
    """Tools with their schemas."""


class CallToolAction(Action):
    tool: str = Field(description="Its name, as find_tool shows it.")
    arguments: dict[str, Any] = Field(
        default_factory=dict, description="Arguments by its schema."
    )


class FindTool(ToolDefinition[FindToolAction, FindToolObservation]):
    """Searches the tools that are not offered by their schemas."""

    name = "find_tool"

    @classmethod
    def create(
        cls,
        tools: Callable[[], Tools],
        names: str,
        rank: Rank,
        spared: Callable[[], int],
    ) -> list[Self]:
        return [
            cls(
                description="Searches further tools and shows their schemas; use them "
                f"through call_tool. There are: {names}",
                action_type=FindToolAction,
                observation_type=FindToolObservation,
                annotations=ToolAnnotations(readOnlyHint=True, openWorldHint=False),
                executor=_Finding(tools, rank, spared),
            )
        ]


class CallTool(ToolDefinition[CallToolAction, Observation]):
    """Calls a tool that is not offered by its schema."""

    name = "call_tool"

    @classmethod
    def create(cls, tools: Callable[[], Tools]) -> list[Self]:
        return [
            cls(
                description="Calls one of the tools that find_tool shows.",
                action_type=CallToolAction,
                executor=_Calling(tools),
            )
        ]


class ToolChoice:
    """What of an agent's tools one conversation is offered."""

    def __init__(self, shown: Sequence[str], names: str, rank: Rank) -> None:
        self._shown = frozenset(shown)
        self._hidden: Tools = {}
        self._spared: int | None = None
        (find,) = FindTool.create(
            lambda: self._hidden, names, rank, lambda: self.spared
        )
        (call,) = CallTool.create(lambda: self._hidden)
        self._pair = {find.name: find, call.name: call}

    @property
    def spared(self) -> int:
        """Tokens of the schemas that prompts lack, less those of the pair; with the
        tools that there were at the first call."""
        if self._spared is None:
            waiting = (t for n, t in self._hidden.items() if n not in self._shown)
            pair = sum(map(_tokens, self._pair.values()))
            self._spared = max(sum(map(_tokens, waiting)) - pair, 0)
        return self._spared

    def offered(self, tools: Tools) -> dict[str, ToolDefinition[Any, Any]]:
        """Of all ``tools``, what is offered; servers may bring more at any time."""
        self._hidden = {n: t for n, t in tools.items() if _may_wait(t)}
        kept = {n: t for n, t in tools.items() if not _may_wait(t) or n in self._shown}
        return {**kept, **self._pair}


def choice_for(
    state: ConversationState, tools: Tools, most: int, rank: Rank
) -> ToolChoice | None:
    """The choice of a conversation, made at its first step and kept in its state.

    Args:
        state: The conversation's.
        tools: All that its agent has.
        most: Tokens of MCP schemas that may be offered; if all of them fit, or the
            agent has tools named like ours, ``None``: nothing is held back.
        rank: See ``Rank``.
    """
    made = state.agent_state.get(AGENT_STATE)
    if made is None:
        made = choose(_request(state), tools, most, rank)
        state.agent_state = {**state.agent_state, AGENT_STATE: made}
    if not made:
        return None
    return ToolChoice(made["shown"], made["names"], rank)


def choose(request: str, tools: Tools, most: int, rank: Rank) -> dict[str, Any]:
    """What is kept of a choice: names to offer, and the list of the others; empty if
    nothing is held back. See ``choice_for``."""
    waiting = {name: tool for name, tool in tools.items() if _may_wait(tool)}
    sizes = {name: _tokens(tool) for name, tool in waiting.items()}
    taken = {FindTool.name, CallTool.name} & tools.keys()
    if taken or sum(sizes.values()) <= most:
        return {}
    shown: list[str] = []
    for name in rank(request, _texts(waiting)):
        if sizes[name] <= most:
            shown.append(name)
            most -= sizes[name]
    return {"shown": shown, "names": _listed(sorted(waiting.keys() - set(shown)))}


def held_back(tools: Iterable[ToolDefinition[Any, Any]]) -> int:
    """Tokens that the schemas of a call would take beside those of ``tools``."""
    found = (tool.executor for tool in tools if isinstance(tool, FindTool))
    return sum(e.spared() for e in found if isinstance(e, _Finding))


class _Finding(ToolExecutor[FindToolAction, FindToolObservation]):
    def __init__(
        self, tools: Callable[[], Tools], rank: Rank, spared: Callable[[], int]
    ) -> None:
        self._tools, self._rank, self.spared = tools, rank, spared

    def __call__(
        self, action: FindToolAction, conversation: object = None
    ) -> FindToolObservation:
        del conversation
        tools = self._tools()
        found = self._rank(action.query, _texts(tools))[:FOUND]
        text = "\n\n".join(_shown(tools[name]) for name in found)
        return FindToolObservation.from_text(text or "There are no further tools.")


class _Calling(ToolExecutor[CallToolAction, Observation]):
    def __init__(self, tools: Callable[[], Tools]) -> None:
        self._tools = tools

    def __call__(self, action: CallToolAction, conversation: Any = None) -> Observation:
        tools = self._tools()
        tool = tools.get(action.tool)
        if tool is None:
            near = get_close_matches(action.tool, tools, n=FOUND, cutoff=0.4)
            hint = f"; did you mean {' or '.join(near)}?" if near else ""
            text = f"There is no tool {action.tool!r}{hint} Ask find_tool."
            return FindToolObservation.from_text(text, is_error=True)
        try:
            asked = tool.action_from_arguments(action.arguments)
        except ValueError as error:
            text = f"{error}\n\n{_shown(tool)}"
            return FindToolObservation.from_text(text, is_error=True)
        return tool(asked, conversation)

    def close(self) -> None:
        """The SDK closes the tools that are offered; the others are closed here."""
        for tool in self._tools().values():
            if tool.executor is not None:
                tool.executor.close()


def _may_wait(tool: ToolDefinition[Any, Any]) -> bool:
    """Whether a tool may be held back: those of MCP servers, no others."""
    return isinstance(tool, MCPToolDefinition)


def _schema(tool: ToolDefinition[Any, Any]) -> dict[str, Any]:
    assert isinstance(tool, MCPToolDefinition)
    return tool.mcp_tool.inputSchema


def _tokens(tool: ToolDefinition[Any, Any]) -> int:
    """Of its schema as it is sent, estimated."""
    return len(json.dumps(tool.to_openai_tool())) // CHARS_PER_TOKEN


def _texts(tools: Tools) -> dict[str, tuple[str, str]]:
    return {
        name: (tool.description, " ".join(_schema(tool).get("properties", {})))
        for name, tool in tools.items()
    }


def _shown(tool: ToolDefinition[Any, Any]) -> str:
    schema = json.dumps(_schema(tool), separators=(",", ":"))
    return f"{tool.name}: {tool.description[:_DESCRIPTION]}\nArguments: {schema}"


def _request(state: ConversationState) -> str:
    """What the user asked for first."""
    for event in state.events:
        if isinstance(event, MessageEvent) and event.source == "user":
            parts = event.llm_message.content
            return "\n".join(p.text for p in parts if isinstance(p, TextContent))
    return ""


def _listed(names: Sequence[str]) -> str:
    """The names, as many as fit."""
    count, size = 0, 0
    for name in names:
        size += len(name) + 2
        if size > _NAMES:
            break
        count += 1
    more = len(names) - count
    return ", ".join(names[:count]) + (f" and {more} more" if more else "") + "."
