"""Rate-limit headers of an answer or an error, as far as litellm lets them through."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from openhands_tiered_router.health.allowance import Level, Said


_PREFIX: Final = "llm_provider-"
"""What litellm puts before the names of headers it does not know."""
_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_MAX_RESET: Final = 86_400.0


def said_in_answer(raw_response: Any) -> Said:
    """What the headers of an answer say; nothing for streamed Responses API calls,
    whose headers litellm does not keep."""
    hidden = getattr(raw_response, "_hidden_params", None)
    headers = hidden.get("additional_headers") if isinstance(hidden, Mapping) else None
    return said_in(headers) if isinstance(headers, Mapping) else Said()


def said_in(headers: Mapping[str, Any]) -> Said:
    """What Anthropic's or OpenAI's headers say; others use OpenAI's names too."""
    found = {
        str(name).lower().removeprefix(_PREFIX): str(value)
        for name, value in headers.items()
        if "ratelimit" in str(name).lower()
    }
    if not found:
        return Said()
    if any(name.startswith("anthropic-") for name in found):
        return _anthropic(found)
    return Said(
        requests=_level(found, "x-ratelimit-{}-requests", _seconds),
        tokens=_level(found, "x-ratelimit-{}-tokens", _seconds),
    )


def _anthropic(found: Mapping[str, str]) -> Said:
    tokens = _level(found, "anthropic-ratelimit-input-tokens-{}", _until)
    return Said(
        requests=_level(found, "anthropic-ratelimit-requests-{}", _until),
        tokens=tokens or _level(found, "anthropic-ratelimit-tokens-{}", _until),
        cached_free=True,
    )


def _level(
    found: Mapping[str, str], name: str, reset: Callable[[str], float | None]
) -> Level | None:
    limit = _number(found.get(name.format("limit"), ""))
    remaining = _number(found.get(name.format("remaining"), ""))
    if not limit or remaining is None:
        return None
    seconds = reset(found.get(name.format("reset"), ""))
    return Level(limit, min(remaining, limit), seconds)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _seconds(text: str) -> float | None:
    """``6m0s``, ``20ms``, ``1.5``."""
    seconds = _number(text)
    if seconds is None:
        parts = _DURATION.findall(text)
        if not parts or "".join(a + b for a, b in parts) != text:
            return None
        seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
    return min(seconds, _MAX_RESET)


def _until(text: str) -> float | None:
    """Seconds until a time of RFC 3339."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        return None
    seconds = (moment - datetime.now(UTC)).total_seconds()
    return min(max(seconds, 0.0), _MAX_RESET)
