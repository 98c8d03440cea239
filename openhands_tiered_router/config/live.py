"""Calling each endpoint once, to see that it answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import isclose
from typing import TYPE_CHECKING, Final

from pydantic import SecretStr

from openhands_tiered_router.config.checks import Finding, Level
from openhands_tiered_router.config.schema import RouterConfig
from openhands_tiered_router.redaction import HIDDEN, looks_secret
from openhands_tiered_router.tiers import Prices


if TYPE_CHECKING:
    from openhands.sdk.llm import LLM
    from openhands.sdk.llm.utils.metrics import TokenUsage


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
    expected: float | None = None
    """USD that the endpoint's prices come to; ``None``: they are not known."""
    error: str | None = None
    """Why it failed; holds no secret."""


def call_each(
    llms: Mapping[str, LLM],
    prices: Mapping[str, Prices | None],
    on_start: Callable[[str], None] = lambda _: None,
) -> list[LiveResult]:
    """One tiny call to each of ``llms``, one attempt, one after the other."""
    results: list[LiveResult] = []
    for key, llm in llms.items():
        on_start(key)
        results.append(_call(key, llm, prices.get(key)))
    return results


def _call(key: str, llm: LLM, prices: Prices | None) -> LiveResult:
    from openhands.sdk.llm import Message, TextContent

    once = llm.model_copy(update={"num_retries": 1, "timeout": TIMEOUT})
    once.reset_metrics()
    message = Message(role="user", content=[TextContent(text=_PROMPT)])
    error: str | None = None
    start = time.monotonic()
    try:
        once.generate([message])
    except Exception as caught:  # whatever it is, it is this endpoint's result
        error = _reason(caught, llm)
    seconds = time.monotonic() - start
    expected = None
    if prices is not None and error is None:
        expected = sum(_cost(prices, usage) for usage in once.metrics.token_usages)
    return LiveResult(key, seconds, once.metrics.accumulated_cost, expected, error)


def findings_of(config: RouterConfig, result: LiveResult) -> Iterator[Finding]:
    """What there is to say of a call: it failed, or it costs what nobody expects."""
    if result.error:
        problem = config.problem(
            result.key,
            f"does not answer: {result.error}",
            "Check the key, the model's name and the address",
        )
        yield Finding(Level.ERROR, problem)
    elif result.expected is not None and not isclose(
        result.cost, result.expected, rel_tol=1e-6, abs_tol=1e-12
    ):
        problem = config.problem(
            result.key,
            f"costs {result.expected:.8f} USD by its prices, but the SDK counts "
            f"{result.cost:.8f}: its provider tells a price of its own, or answers "
            "under the name of another model",
            "Set the prices that are really charged",
        )
        yield Finding(Level.WARNING, problem)


def _cost(prices: Prices, usage: TokenUsage) -> float:
    """USD for a short prompt; ``prompt_tokens`` includes cached and written ones."""
    cached, written = usage.cache_read_tokens, usage.cache_write_tokens
    return (
        (usage.prompt_tokens - cached - written) * prices.input
        + cached * prices.cache_read
        + written * prices.cache_write
        + usage.completion_tokens * prices.output
    )


def _reason(error: Exception, llm: LLM) -> str:
    text = str(error)
    if isinstance(llm.api_key, SecretStr) and (key := llm.api_key.get_secret_value()):
        text = text.replace(key, HIDDEN)
    words = (HIDDEN if looks_secret(word) else word for word in text.split())
    return f"{type(error).__name__}: {' '.join(words)}"[:300]
