"""What the SDK's tools declare reaches the session that judges their calls."""

from __future__ import annotations

from typing import Any, cast

import mcp.types
from openhands.sdk.mcp import MCPToolDefinition

from openhands_tiered_router.calls.fleet import SessionRecord
from openhands_tiered_router.policy.entry import Entry, ToolCall
from openhands_tiered_router.policy.kinds import ActionKind
from openhands_tiered_router.sdk.messages import learn_tools


def test_a_read_only_tool_of_a_server_is_known_to_read() -> None:
    served = mcp.types.Tool(
        name="frobnicate",
        inputSchema={"type": "object", "properties": {"path": {}}},
        annotations=mcp.types.ToolAnnotations(readOnlyHint=True),
    )
    tools = MCPToolDefinition.create(mcp_tool=served, mcp_client=cast(Any, None))
    record = SessionRecord()
    learn_tools(record, tools)
    told = record.state.tools["frobnicate"]
    assert told.read_only is True
    assert told.parameters == {"path"}
    call = Entry(role="assistant", calls=(ToolCall("1", "frobnicate", "{}"),))
    state = record.state.fold([Entry(role="user", text="x"), call])
    assert state.last is not None
    assert state.last.kind is ActionKind.READ
