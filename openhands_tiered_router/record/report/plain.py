"""A report as JSON has it."""

from __future__ import annotations

import math
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

from openhands_tiered_router.record.report.build import Report
from openhands_tiered_router.record.telemetry.verdicts import Rate


def plain(report: Report) -> dict[str, Any]:
    """Numbers, names and lists; infinite times are ``None``."""
    return _plain(report)


def _plain(value: Any) -> Any:
    if isinstance(value, Rate):
        share = {"share": value.share, "interval": list(value.interval)}
        return {"hits": value.hits, "count": value.count, **share}
    if is_dataclass(value):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, Enum):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
