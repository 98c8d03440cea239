"""Rate-limit headers of an answer or an error, as far as litellm lets them through."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

from openhands_tiered_router.calls.health.allowance import Level, Said


_PREFIX: Final = "llm_provider-"
"""What litellm puts before the names of headers it does not know."""
_OPENAI_REQUESTS: Final = (
    "x-ratelimit-limit-requests",
    "x-ratelimit-remaining-requests",
    "x-ratelimit-reset-requests",
)
_OPENAI_TOKENS: Final = (
    "x-ratelimit-limit-tokens",
    "x-ratelimit-remaining-tokens",
    "x-ratelimit-reset-tokens",
)
_ANTHROPIC_REQUESTS: Final = (
    "anthropic-ratelimit-requests-limit",
    "anthropic-ratelimit-requests-remaining",
    "anthropic-ratelimit-requests-reset",
)
_ANTHROPIC_INPUT: Final = (
    "anthropic-ratelimit-input-tokens-limit",
    "anthropic-ratelimit-input-tokens-remaining",
    "anthropic-ratelimit-input-tokens-reset",
)
_ANTHROPIC_TOKENS: Final = (
    "anthropic-ratelimit-tokens-limit",
    "anthropic-ratelimit-tokens-remaining",
    "anthropic-ratelimit-tokens-reset",
)
"""Limit, what is left of it, and when it is full again."""
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
    requests = _level(headers, _OPENAI_REQUESTS, _seconds)
    tokens = _level(headers, _OPENAI_TOKENS, _seconds)
    if requests or tokens:
        return Said(requests=requests, tokens=tokens)
    tokens = _level(headers, _ANTHROPIC_INPUT, _until)
    return Said(
        requests=_level(headers, _ANTHROPIC_REQUESTS, _until),
        tokens=tokens or _level(headers, _ANTHROPIC_TOKENS, _until),
        cached_free=True,
    )


def _level(
    headers: Mapping[str, Any],
    names: tuple[str, str, str],
    reset: Callable[[str], float | None],
) -> Level | None:
    limit = _number(_header(headers, names[0]))
    if not limit:
        return None
    remaining = _number(_header(headers, names[1]))
    if remaining is None:
        return None
    seconds = reset(_header(headers, names[2]))
    return Level(limit, min(remaining, limit), seconds)


def _header(headers: Mapping[str, Any], name: str) -> str:
    value = headers.get(_PREFIX + name)
    return str(headers.get(name, "") if value is None else value)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


@lru_cache(maxsize=256)
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
