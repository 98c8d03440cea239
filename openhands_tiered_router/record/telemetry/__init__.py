"""What was decided, what it cost, and what came of it, recorded in one file.

``recorder`` is what the router calls, ``outcomes`` watches a conversation's events,
``query`` reads. In between, ``writer`` takes records to the file from a thread of its
own; docs/telemetry.md describes the file.

Names are imported when they are used: who only reads need not wait for the writer.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final


if TYPE_CHECKING:
    from openhands_tiered_router.record.telemetry.outcomes import ToolOutcomes
    from openhands_tiered_router.record.telemetry.query import (
        TelemetryFile,
        TelemetryReadError,
    )
    from openhands_tiered_router.record.telemetry.recorder import (
        TelemetryRecorder,
        recorder_for,
        recorder_from_environment,
    )
    from openhands_tiered_router.record.telemetry.records import ToolResult, ToolStatus


__all__ = [
    "TelemetryFile",
    "TelemetryReadError",
    "TelemetryRecorder",
    "ToolOutcomes",
    "ToolResult",
    "ToolStatus",
    "recorder_for",
    "recorder_from_environment",
]

_HOMES: Final = {
    "TelemetryFile": "query",
    "TelemetryReadError": "query",
    "TelemetryRecorder": "recorder",
    "ToolOutcomes": "outcomes",
    "ToolResult": "records",
    "ToolStatus": "records",
    "recorder_for": "recorder",
    "recorder_from_environment": "recorder",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value
