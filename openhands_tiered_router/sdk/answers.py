"""Answers that are none, and usage that cannot be: found before they are booked."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from typing import Any, Final

from litellm.litellm_core_utils.streaming_handler import CustomStreamWrapper
from litellm.types.llms.openai import ResponsesAPIResponse
from litellm.types.utils import ModelResponse, Usage as LiteLLMUsage
from openhands.sdk.llm import LLM, LLMResponse, Message, TextContent
from openhands.sdk.llm.exceptions import LLMNoResponseError, LLMServiceUnavailableError
from openhands.sdk.llm.utils.litellm_provider import LLMProvider
from openhands.sdk.llm.utils.metrics import Metrics
from openhands.sdk.llm.utils.telemetry import Telemetry

from openhands_tiered_router.policy.outcome import Usage


logger = logging.getLogger(__name__)

MOST_TOKENS: Final = 10_000_000
"""Tokens that one call may say it took: five times the largest window on the market."""
_UNFINISHED: Final = "tiered_router_unfinished"
_COUNTS: Final = (
    "prompt_tokens",
    "completion_tokens",
    "input_tokens",
    "output_tokens",
    "cached_tokens",
    "cache_creation_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
    "reasoning_tokens",
)
_DETAILS: Final = (
    "prompt_tokens_details",
    "completion_tokens_details",
    "input_tokens_details",
    "output_tokens_details",
)


def fault_of(response: Any, *, unfinished: bool) -> Exception | None:
    """What is wrong with an answer, for another attempt; ``None``: nothing.

    ``unfinished``: its stream ended without a reason; see ``is_unfinished``.
    """
    if not isinstance(response, LLMResponse):
        return None
    if unfinished:
        return LLMServiceUnavailableError(
            "The stream ended without a finish reason: the answer was cut off, or the "
            "provider did not send a stream."
        )
    if _is_empty(response.message) and _finish_reason(response) in (None, "stop"):
        return LLMNoResponseError("The answer is empty.")
    return None


def is_unfinished(chunk: Any) -> bool:
    """Whether litellm made up this chunk's finish reason, the provider having none."""
    hidden = getattr(chunk, "_hidden_params", None)
    return isinstance(hidden, dict) and _UNFINISHED in hidden


def _is_empty(message: Message) -> bool:
    said = any(not isinstance(c, TextContent) or c.text for c in message.content)
    return not (
        said
        or message.tool_calls
        or message.reasoning_content
        or message.thinking_blocks
        or message.responses_reasoning_item
    )


def _finish_reason(response: LLMResponse) -> str | None:
    """``None`` for the Responses API too, which fails where it is cut off."""
    choices = getattr(response.raw_response, "choices", None)
    return getattr(choices[0], "finish_reason", None) if choices else None


class SaneTelemetry(Telemetry):
    """Books no usage that cannot be: the SDK would fail the call, or its sums."""

    def on_response(
        self,
        resp: ModelResponse | ResponsesAPIResponse,
        raw_resp: ModelResponse | None = None,
        provider_info: LLMProvider | None = None,
    ) -> Metrics:
        """See ``Telemetry``; the answer itself is kept."""
        usage = getattr(resp, "usage", None)
        if usage is not None and not all(map(_is_count, _counts(usage))):
            logger.warning(
                "%s says that it used an impossible number of tokens: not booked",
                self.model_name,
            )
            nothing = LiteLLMUsage(prompt_tokens=0, completion_tokens=0, total_tokens=0)
            chat = isinstance(resp, ModelResponse)
            setattr(resp, "usage", nothing if chat else None)  # noqa: B010
        return super().on_response(resp, raw_resp, provider_info)


def guard_usage(llm: LLM) -> None:
    """Has the model book through ``SaneTelemetry``."""
    fields = {name: getattr(llm.telemetry, name) for name in Telemetry.model_fields}
    llm._telemetry = SaneTelemetry.model_construct(**fields)


def _counts(usage: Any) -> Iterator[Any]:
    for holder in (usage, *(getattr(usage, name, None) for name in _DETAILS)):
        for name in _COUNTS:
            value = getattr(holder, name, None)
            if value is not None:
                yield value


def _is_count(value: Any) -> bool:
    return (
        isinstance(value, int | float)
        and math.isfinite(value)
        and 0 <= value <= MOST_TOKENS
    )


def _mark_unfinished_streams() -> None:
    """litellm ends every stream with a finish reason, ``stop`` if there was none, and
    the SDK does not pass on the stream itself. So the chunk is marked where it is made
    up; nothing else of it changes."""
    make = CustomStreamWrapper.finish_reason_handler

    def handler(self: CustomStreamWrapper) -> Any:
        chunk = make(self)
        if not (self.received_finish_reason or self.intermittent_finish_reason):
            hidden = getattr(chunk, "_hidden_params", None) or {}
            chunk._hidden_params = {**hidden, _UNFINISHED: True}
        return chunk

    CustomStreamWrapper.finish_reason_handler = handler


_mark_unfinished_streams()


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
