"""Decisions on record: what was decided, what it cost, and what came of it.

``recorder`` is what the router calls, ``outcomes`` watches a conversation's events,
``query`` reads. In between, ``writer`` takes records to the file from a thread of its
own; docs/telemetry.md describes the file.
"""

from openhands_tiered_router.telemetry.ids import new_decision_id
from openhands_tiered_router.telemetry.outcomes import ToolOutcomes
from openhands_tiered_router.telemetry.query import TelemetryFile, TelemetryReadError
from openhands_tiered_router.telemetry.recorder import (
    TelemetryRecorder,
    recorder_for,
    recorder_from_environment,
)
from openhands_tiered_router.telemetry.records import ToolResult, ToolStatus


__all__ = [
    "TelemetryFile",
    "TelemetryReadError",
    "TelemetryRecorder",
    "ToolOutcomes",
    "ToolResult",
    "ToolStatus",
    "new_decision_id",
    "recorder_for",
    "recorder_from_environment",
]
