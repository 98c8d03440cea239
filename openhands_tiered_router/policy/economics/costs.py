"""What one call costs at an endpoint's prices, given what is cached there."""

from __future__ import annotations

from typing import Final

from openhands_tiered_router.policy.outcome import Usage
from openhands_tiered_router.policy.session import SessionState
from openhands_tiered_router.tiers import Endpoint, LongContextPrices, Prices


LOOK_BACK: Final = 20
"""Content blocks that Anthropic searches back from a cache breakpoint for a prefix
that it has; https://docs.anthropic.com/en/docs/build-with-claude/prompt-caching."""


def warm_tokens(
    session: SessionState,
    endpoint: Endpoint,
    *,
    prompt: int,
    now: float,
    look_back: int | None = None,
) -> int:
    """Tokens of the coming prompt that are expected to be read from the cache.

    A prefix lives from the start of the last request that used it: see
    ``policy.caches``. It is lost with the
    history that it was made of: ``SessionState.condensed`` forgets it.

    Args:
        session: The conversation so far.
        endpoint: Whose cache; endpoints with the same ``cache_id`` share one.
        prompt: Tokens of the coming prompt.
        now: Epoch seconds.
        look_back: Content blocks that the provider searches back from the prompt's
            end; ``None`` where a breakpoint is kept at each endpoint's last end.
    """
    prefix = session.warm.get(endpoint.cache_id)
    if prefix is None:
        return 0
    if look_back is not None and session.blocks - prefix.blocks > look_back:
        return 0
    return min(prefix.alive(now, endpoint.cache_ttl), prompt)


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
