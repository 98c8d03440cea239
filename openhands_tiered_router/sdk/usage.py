"""Tokens and money of one answer, as the SDK books them."""

from __future__ import annotations

from typing import Any

from openhands.sdk.llm import LLM, LLMResponse
from openhands.sdk.llm.utils.telemetry import Telemetry

from openhands_tiered_router.policy.outcome import Usage


def usage_of(response: LLMResponse) -> Usage:
    """The tokens that the provider counted; all zero if it did not say.

    Not from ``LLMResponse.metrics``: that is the endpoint's total, not this call's.
    """
    usage = getattr(response.raw_response, "usage", None)
    if usage is None:
        return Usage()
    prompt = _count(usage, "prompt_tokens") or _count(usage, "input_tokens")
    completion = _count(usage, "completion_tokens") or _count(usage, "output_tokens")
    read = getattr(usage, "prompt_tokens_details", None)
    read = read or getattr(usage, "input_tokens_details", None)
    wrote = getattr(usage, "completion_tokens_details", None)
    wrote = wrote or getattr(usage, "output_tokens_details", None)
    return Usage(
        prompt=prompt,
        completion=completion,
        cache_read=_count(read, "cached_tokens"),
        cache_write=_count(read, "cache_creation_tokens"),
        reasoning=_count(wrote, "reasoning_tokens"),
    )


def cost_of(llm: LLM, response: LLMResponse) -> float | None:
    """USD of that answer, by the computation with which the SDK has booked it.

    The SDK keeps sums without saying which call a cost belongs to, and a difference
    of sums is wrong when two calls overlap; so the computation is repeated, on a
    ``Telemetry`` that books nothing. ``None``: the SDK could not tell and booked 0.
    """
    prices = Telemetry(
        model_name=llm.model,
        input_cost_per_token=llm.input_cost_per_token,
        output_cost_per_token=llm.output_cost_per_token,
        metrics=llm.metrics,
    )
    return prices._compute_cost(response.raw_response, provider_info=llm._provider_info)


def _count(details: Any, name: str) -> int:
    value = getattr(details, name, None)
    return value if isinstance(value, int) and value > 0 else 0
