"""SDK messages in neutral form, folded into a session as far as they are new."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

from openhands.sdk.llm import ImageContent, Message, TextContent
from openhands.sdk.tool import ToolDefinition

from openhands_tiered_router.calls import folding
from openhands_tiered_router.calls.fleet import SessionRecord
from openhands_tiered_router.policy.entry import Entry, ToolCall
from openhands_tiered_router.policy.session import CHARS_PER_TOKEN, SessionState
from openhands_tiered_router.tokens import left_out


_TOOL_SCHEMA_TOKENS: Final = 150
"""Size of a tool's parameter schema beside its description, measured on the
default tools of openhands-tools 1.58."""
_WORKSPACE: Final = re.compile(r"Your current working directory is: (\S[^\n]*)")


def entry_of(message: Message) -> Entry:
    """The message in neutral form."""
    texts = [c.text for c in message.content if isinstance(c, TextContent)]
    images = sum(
        len(c.image_urls) for c in message.content if isinstance(c, ImageContent)
    )
    return Entry(
        role=message.role,
        text=texts[0] if len(texts) == 1 else "\n".join(texts),
        images=images,
        call_id=message.tool_call_id,
        calls=tuple(
            ToolCall(id=c.id, name=c.name, arguments=c.arguments)
            for c in message.tool_calls or ()
        ),
    )


def advance(record: SessionRecord, messages: Sequence[Message]) -> SessionState:
    """The record's state with the messages that are new; see ``folding.advance``."""
    return folding.advance(record, messages, _entries_of, fingerprint)


def fresh_state(messages: Sequence[Message]) -> SessionState:
    """The state of a call that belongs to no conversation."""
    return SessionState().fold(_entries_of(messages))


def learn_tools(record: SessionRecord, tools: Sequence[ToolDefinition]) -> None:
    """Takes the schemas' size and the workspace from the tools, once a conversation.

    The SDK tells a model where it works only in the tools' descriptions.
    """
    if record.tools_tokens is not None:
        return
    descriptions = [tool.description for tool in tools]
    record.tools_tokens = sum(
        len(text) // CHARS_PER_TOKEN + _TOOL_SCHEMA_TOKENS for text in descriptions
    )
    record.state = record.state.knowing(map(_declared, tools))
    found = (_WORKSPACE.search(text) for text in descriptions)
    record.workspace = next((m[1].strip() for m in found if m), None)


def left_out_of(messages: Iterable[Message]) -> int:
    """Characters that the results of tools in a prompt lack, as far as is known."""
    return sum(
        left_out.characters(part.text)
        for message in messages
        if message.role == "tool"
        for part in message.content
        if isinstance(part, TextContent)
    )


def _declared(tool: ToolDefinition) -> dict[str, Any]:
    """What a tool says of itself, in MCP's form."""
    server = getattr(tool, "mcp_tool", None)
    return {
        "name": tool.name,
        "inputSchema": getattr(server, "inputSchema", None),
        "annotations": tool.annotations.model_dump() if tool.annotations else None,
    }


def _entries_of(messages: Sequence[Message]) -> Iterable[Entry]:
    return map(entry_of, messages)


def fingerprint(message: Message) -> int:
    """Tells a message from others, in this process."""
    call = message.tool_calls[0].id if message.tool_calls else None
    texts = tuple(c.text for c in message.content if isinstance(c, TextContent))
    return hash((message.role, message.tool_call_id, call, texts))
