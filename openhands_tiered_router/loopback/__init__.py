"""A provider on this machine for tests, the demo and dry runs without a key."""

from openhands_tiered_router.loopback.exchange import (
    Message,
    Reply,
    Request,
    Script,
    ToolCall,
    ToolResult,
    Wire,
)
from openhands_tiered_router.loopback.metering import Charge
from openhands_tiered_router.loopback.provider import (
    LoopbackProvider,
    ScriptFailed,
    fingerprint,
)


__all__ = [
    "Charge",
    "LoopbackProvider",
    "Message",
    "Reply",
    "Request",
    "Script",
    "ScriptFailed",
    "ToolCall",
    "ToolResult",
    "Wire",
    "fingerprint",
]
