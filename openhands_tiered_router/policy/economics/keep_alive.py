"""Whether a request that only keeps a prompt cached is worth its cost.

A cache dies ``cache_ttl`` seconds after the start of the last request that used it. The
same prompt sent again before that, for one token, costs a read and keeps it for as long
again. That pays if the conversation goes on in that time: its prompt would have been
written anew. With the cost ``c`` of a ping, the gain ``g``, and the next pings' worth,

    V(n) = -c + g * P(return that only this ping keeps warm)
           + P(no return until the next one) * max(0, V(n - 1)).
"""

from __future__ import annotations

from typing import Final

from openhands_tiered_router.policy.economics.costs import call_cost
from openhands_tiered_router.policy.economics.lifetime import HOUR, returns_after
from openhands_tiered_router.policy.session import SessionState
from openhands_tiered_router.tiers import Endpoint


MOST: Final = 6
"""Pings in a row: half an hour, of a tenth of the prompt's input price each. An hour's
cache costs .75 of it once."""
_BEFORE: Final = 0.9
"""Share of a lifetime after which a ping is due: 30 s of 300 for it to arrive."""


def due_after(endpoint: Endpoint) -> float:
    """Seconds after the start of the last request at which a ping is due."""
    return _BEFORE * endpoint.cache_ttl


def worth_pinging(
    session: SessionState, endpoint: Endpoint, *, pings: int, asked: bool
) -> bool:
    """Whether a ping is worth its cost, when it is due.

    Args:
        session: The conversation, with what the endpoint has cached.
        endpoint: Whose cache would die.
        pings: Sent since the conversation's last own request.
        asked: See ``returns_after``.
    """
    prefix, prices = session.warm.get(endpoint.cache_id), endpoint.prices
    if prefix is None or prices is None or prefix.long_tokens:
        return False
    if endpoint.cache_ttl >= HOUR or pings >= MOST:
        return False
    tokens = prefix.tokens
    cost = call_cost(prices, prompt=tokens, warm=tokens, output=1)
    warm = call_cost(prices, prompt=tokens, warm=tokens, output=0)
    gain = call_cost(prices, prompt=tokens, warm=0, output=0) - warm
    step = due_after(endpoint)
    margin = endpoint.cache_ttl - step
    never = 1.0 - returns_after(session, endpoint, 0.0, asked=asked)

    def open_after(seconds: float) -> float:
        """P(no return yet)."""
        return never + returns_after(session, endpoint, seconds, asked=asked)

    def value(sent: int) -> float:
        if sent >= MOST:
            return 0.0
        now = (sent + 1) * step
        so_far = open_after(now)
        if so_far <= 0.0:
            return 0.0
        kept = open_after(now + margin) - open_after(now + margin + step)
        later = open_after(now + step) / so_far
        return -cost + gain * kept / so_far + later * max(0.0, value(sent + 1))

    return value(pings) > 0.0
