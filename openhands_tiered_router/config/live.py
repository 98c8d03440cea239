"""Calling each endpoint once, to see that it answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from openhands_tiered_router.config.redact import HIDDEN, looks_secret


if TYPE_CHECKING:
    from openhands.sdk.llm import LLM


TIMEOUT: Final = 30
"""Seconds for the call: a model that thinks first needs a few of them."""
_PROMPT: Final = "Reply with the one word OK."


@dataclass(frozen=True, slots=True)
class LiveResult:
    """What became of the call to an endpoint."""

    key: str
    seconds: float
    cost: float
    """USD, as the SDK counts it."""
    error: str | None = None
    """Why it failed; holds no secret."""


def call_each(
    llms: Mapping[str, LLM], on_start: Callable[[str], None] = lambda _: None
) -> list[LiveResult]:
    """One tiny call to each of ``llms``, one attempt, one after the other."""
    results: list[LiveResult] = []
    for key, llm in llms.items():
        on_start(key)
        results.append(_call(key, llm))
    return results


def _call(key: str, llm: LLM) -> LiveResult:
    from openhands.sdk.llm import Message, TextContent

    once = llm.model_copy(update={"num_retries": 1, "timeout": TIMEOUT})
    once.reset_metrics()
    message = Message(role="user", content=[TextContent(text=_PROMPT)])
    error: str | None = None
    start = time.monotonic()
    try:
        once.generate([message])
    except Exception as caught:  # whatever it is, it is this endpoint's result
        error = _reason(caught)
    seconds = time.monotonic() - start
    return LiveResult(key, seconds, once.metrics.accumulated_cost, error)


def _reason(error: Exception) -> str:
    words = (HIDDEN if looks_secret(w) else w for w in str(error).split())
    return f"{type(error).__name__}: {' '.join(words)}"[:300]
