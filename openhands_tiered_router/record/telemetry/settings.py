"""``[telemetry]``: the record of decisions and their outcomes."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from openhands_tiered_router.fields import Count, Section


class TelemetrySettings(Section):
    """The record of decisions and their outcomes; no texts unless asked for."""

    enabled: bool = True
    """Record decisions and their outcomes."""
    path: str | None = Field(default=None, min_length=1)
    """SQLite file; by default in the user's state directory."""
    queue_size: Annotated[Count, Field(ge=1, le=1_000_000)] = 10_000
    """Rows that wait for the writer at most; further ones are dropped and counted,
    so that a slow disk never slows a call."""
    keep_days: Annotated[Count, Field(ge=0)] = 365
    """Days after its last record that a conversation is removed: a year to compare
    with. 0: never."""
    max_megabytes: Annotated[Count, Field(ge=0)] = 4_000
    """Size of the file, 10^6 bytes, above which the oldest conversations are removed:
    room for some 3 million turns. 0: no limit."""
    texts: bool = False
    """Record what users and models say too, redacted and cut. Off: a record that holds
    no texts can be kept and shown without a thought."""
    text_bytes: Annotated[Count, Field(ge=100, le=1_000_000)] = 8_000
    """Bytes kept of each such text: two pages."""
