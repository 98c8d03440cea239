"""A report as JSON has it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

from openhands_tiered_router.record.report.build import Report
from openhands_tiered_router.record.telemetry.sums import Group
from openhands_tiered_router.record.telemetry.verdicts import Rate


def as_json(report: Report) -> dict[str, Any]:
    """Numbers, names and lists; infinite times are ``None``."""
    return _plain(report)


def _plain(value: Any) -> Any:
    match value:
        case Rate():
            share = {"share": value.share, "interval": list(value.interval)}
            return {"hits": value.hits, "count": value.count, **share}
        case Group():
            return {"key": list(value.key), **value.sums, "quality": value.quality}
        case Mapping():
            return {str(k or "unknown"): _plain(v) for k, v in value.items()}
        case list() | tuple():
            return [_plain(v) for v in value]
        case Enum():
            return str(value)
        case float():
            return value if math.isfinite(value) else None
    if is_dataclass(value):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    return value
