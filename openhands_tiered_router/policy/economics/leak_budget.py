"""What it is held to cost that a weak tier serves a hard turn."""

from __future__ import annotations

from math import exp
from typing import Final

from openhands_tiered_router.policy.policy import Policy
from openhands_tiered_router.policy.session import SessionState
from openhands_tiered_router.tiers import Prices, Tier


REFERENCE_PROMPT: Final = 18_000
REFERENCE_GROWTH: Final = 350
REFERENCE_OUTPUT: Final = 300
"""Tokens of a turn in mid-session: means of the recorded sessions."""
_MOST: Final = 50.0
"""Exponent at which the price is beyond any saving; more would overflow."""


def leak_price(
    policy: Policy, session: SessionState, base: Tier, strong: Prices, weak: Prices
) -> float:
    """Shadow price of one leaked hard turn, USD.

    ``policy.leak_price`` times what a turn in mid-session saves on the weak tier: the
    multiplier of a budget on leaks, which is the same for all turns, so that dear
    turns, the late ones, are let go at lower odds than cheap ones (Everett 1963).
    Dearer by ``exp(leak_gain * excess)`` the further the session's share of leaked
    hard turns is above the budget.
    """
    saving = max(_mid_session(strong) - _mid_session(weak), 0.0)
    hard = sum(session.tally.hard_served)
    beyond = session.tally.leaked(base) - policy.leak_budget * (hard + 3)
    excess = max(beyond, 0.0) / (hard + policy.leak_prior)
    thrift = 4.0 ** (1.0 - 2.0 * policy.economy)
    brake = exp(min(policy.leak_gain * excess, _MOST))
    return policy.leak_price * thrift * saving * brake


def _mid_session(prices: Prices) -> float:
    return (
        prices.cache_read * REFERENCE_PROMPT
        + prices.cache_write * REFERENCE_GROWTH
        + prices.output * REFERENCE_OUTPUT
    )
