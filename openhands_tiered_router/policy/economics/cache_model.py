"""Which part of a conversation an endpoint's provider still has in its cache."""

from __future__ import annotations

from typing import Final

from openhands_tiered_router.policy.session import SessionState
from openhands_tiered_router.tiers import Endpoint


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
