"""What one call costs at an endpoint's prices, given what is cached there."""

from __future__ import annotations

from openhands_tiered_router.policy.outcome import Usage
from openhands_tiered_router.tiers import LongContextPrices, Prices


def rates(prices: Prices, prompt: int) -> Prices | LongContextPrices:
    """The prices that hold for a prompt of that many tokens."""
    long = prices.long_context
    return long if long and prompt > long.above else prices


def call_cost(prices: Prices, *, prompt: int, warm: int, output: float) -> float:
    """Cost of a call, USD.

    Cached tokens cost the cache-read price, the others of the prompt the cache-write
    price: agents mark the end of each prompt as to be cached.

    Args:
        prices: USD per token.
        prompt: Tokens of the prompt, the cached ones included.
        warm: Tokens of it that the provider has cached.
        output: Tokens of the answer.
    """
    rate = rates(prices, prompt)
    cached = min(warm, prompt)
    return (
        rate.cache_read * cached
        + rate.cache_write * (prompt - cached)
        + rate.output * output
    )


def prompt_rate(prices: Prices, usage: Usage) -> float:
    """USD a token that a prompt cost on average, as its tokens were cached or not."""
    if not usage.prompt:
        return 0.0
    rate = rates(prices, usage.prompt)
    fresh = usage.prompt - usage.cache_read - usage.cache_write
    cost = (
        rate.cache_read * usage.cache_read
        + rate.cache_write * usage.cache_write
        + rate.input * fresh
    )
    return cost / usage.prompt
