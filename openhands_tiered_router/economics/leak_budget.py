"""What it is held to cost that a weak tier serves a hard turn."""

from __future__ import annotations

from math import exp
from typing import Final

from openhands_tiered_router.core.policy import Policy
from openhands_tiered_router.core.session import SessionState
from openhands_tiered_router.tiers import Prices, Tier


REFERENCE_PROMPT: Final = 18_000
REFERENCE_GROWTH: Final = 350
REFERENCE_OUTPUT: Final = 300
"""Tokens of a turn in mid-session: means of the recorded sessions."""
_MOST: Final = 50.0
"""Exponent at which the price is beyond any saving; more would overflow."""


def leak_price(
    policy: Policy, session: SessionState, base: Tier, prices: Prices
) -> float:
    """Shadow price of one leaked hard turn, USD.

    ``policy.leak_price`` times what a turn in mid-session costs on the base tier, at
    those prices; dearer by ``exp(gain * excess)`` the further the session's share of
    leaked hard turns is above the budget, and cheaper below it. The price is held
    against the whole session's cost, so late turns, which cost more, are let go
    before early ones.
    """
    turn = (
        prices.cache_read * REFERENCE_PROMPT
        + prices.cache_write * REFERENCE_GROWTH
        + prices.output * REFERENCE_OUTPUT
    )
    tally = session.tally
    leaked = tally.leaked(base)
    hard = sum(tally.hard_served)
    excess = (leaked - policy.leak_budget * (hard + 3)) / (hard + policy.leak_prior)
    gain = policy.leak_gain * (policy.leak_brake if excess > 0.0 else 1.0)
    thrift = 4.0 ** (1.0 - 2.0 * policy.economy)
    return policy.leak_price * thrift * turn * exp(min(gain * excess, _MOST))
