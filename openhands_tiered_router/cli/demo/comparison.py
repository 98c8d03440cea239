"""What a run would have cost on one model alone."""

from __future__ import annotations

from collections.abc import Sequence

from openhands_tiered_router.loopback.exchange import Message, Request
from openhands_tiered_router.loopback.metering import Charge, Metered, price
from openhands_tiered_router.policy.outcome import Usage
from openhands_tiered_router.tiers import Prices


def costs_on_one_model(
    requests: Sequence[Request], charges: Sequence[Charge], prices: Prices
) -> list[float]:
    """Cost, USD, of each answered call of one conversation at these prices.

    Assumes that this model would have said the same, and that of each prompt its
    provider reads what the prompt before it consisted of, and writes the rest: so it
    is with a cache breakpoint at the end of each prompt and calls that follow each
    other within the cache's lifetime.

    Args:
        requests: The requests that were answered, in their order.
        charges: What each of them was charged for.
        prices: The model's prices, USD per token.
    """
    costs: list[float] = []
    cached: list[object] = []
    cached_tokens = 0
    for request, charge in zip(requests, charges, strict=True):
        prompt = charge.usage.prompt
        said = [_content(m) for m in request.messages]
        grows = bool(cached) and said[: len(cached)] == cached
        read = min(cached_tokens, prompt) if grows else 0
        usage = Usage(
            prompt=prompt,
            completion=charge.usage.completion,
            cache_read=read,
            cache_write=prompt - read,
        )
        costs.append(price(Metered(usage), prices))
        cached, cached_tokens = said, prompt
    return costs


def _content(message: Message) -> object:
    """What stays of a message whichever model it is sent to.

    Thoughts are sent only to the model that had them, and ids are spelt as its
    provider wants them.
    """
    calls = [(c.name, c.arguments) for c in message.tool_calls]
    results = [r.text for r in message.tool_results]
    return message.role, message.text, calls, results
