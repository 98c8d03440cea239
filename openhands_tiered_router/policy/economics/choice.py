"""Whether the coming turn is worth its price on the strong tier."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log

from openhands_tiered_router.policy.economics.cache_model import remaining, warm_tokens
from openhands_tiered_router.policy.economics.costs import call_cost, rates
from openhands_tiered_router.policy.economics.dynamics import default_dynamics, outlook
from openhands_tiered_router.policy.economics.leak_budget import leak_price
from openhands_tiered_router.policy.economics.switching import (
    STRONG,
    WEAK,
    Future,
    Rates,
    future,
)
from openhands_tiered_router.policy.policy import Policy
from openhands_tiered_router.policy.session import TYPICAL_GROWTH, SessionState
from openhands_tiered_router.tiers import Endpoint, Prices


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two endpoints that are weighed against each other."""

    now: float
    """Expected cost of the coming turn there, USD."""
    later: float
    """What picking it costs on later turns more than the other would, USD."""
    leak: float
    """Price of the chance that the turn is hard and this one too weak for it, USD."""
    warm: int
    """Tokens of the prompt that are expected to be cached there."""

    @property
    def total(self) -> float:
        return self.now + self.later + self.leak


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The receipt: what either would cost."""

    strong: Side
    weak: Side

    @property
    def weak_wins(self) -> bool:
        return self.weak.total < self.strong.total


def compare(
    session: SessionState,
    policy: Policy,
    strong: Endpoint,
    weak: Endpoint,
    *,
    prompt: int,
    p_mechanical: float,
    now: float,
) -> Comparison | None:
    """Weighs two endpoints for the coming turn; ``None`` where a price is unknown.

    Args:
        session: The conversation so far.
        policy: Budget and price of leaked hard turns.
        strong: Good enough for a hard turn.
        weak: Good enough for a mechanical one.
        prompt: Expected tokens of the prompt.
        p_mechanical: Probability that the turn is mechanical.
        now: Epoch seconds.
    """
    if strong.prices is None or weak.prices is None:
        return None
    dynamics, seen = default_dynamics(), outlook(p_mechanical)
    price = leak_price(policy, session, strong.tier, strong.prices, weak.prices)
    ahead = future(
        _rates(strong, strong.prices, prompt),
        _rates(weak, weak.prices, prompt),
        prompt=_rounded(max(prompt, 1), 3),
        growth=TYPICAL_GROWTH,
        pace=_rounded(session.pace.seconds, 2),
        leak_price=_rounded(price, 4) if price > 0 else 0.0,
        dynamics=dynamics,
    )
    sides = [
        _now(session, policy, e, p, prompt, dynamics.output[seen], now)
        for e, p in ((strong, strong.prices), (weak, weak.prices))
    ]
    later = [
        _later(session, ahead, pair, prompt, seen, now)
        for pair in ((strong, weak, STRONG), (weak, strong, WEAK))
    ]
    least = min(later)
    weight = policy.failed_weight if p_mechanical <= 0.0 else 1.0
    leak = price * weight * (1.0 - p_mechanical)
    return Comparison(
        strong=Side(now=sides[0][0], later=later[0] - least, leak=0, warm=sides[0][1]),
        weak=Side(now=sides[1][0], later=later[1] - least, leak=leak, warm=sides[1][1]),
    )


def _now(
    session: SessionState,
    policy: Policy,
    endpoint: Endpoint,
    prices: Prices,
    prompt: int,
    output: float,
    now: float,
) -> tuple[float, int]:
    warm = warm_tokens(
        session, endpoint, prompt=prompt, now=now, look_back=policy.cache_look_back
    )
    return call_cost(prices, prompt=prompt, warm=warm, output=output), warm


def _later(
    session: SessionState,
    ahead: Future,
    pair: tuple[Endpoint, Endpoint, int],
    prompt: int,
    seen: int,
    now: float,
) -> float:
    endpoint, other, serves = pair
    left = remaining(session, other, now)
    served = 1 - serves if session.answered_by == other.cache_id else None
    cost = ahead.after(serves, served, left, seen)
    if left > 0 and other.prices is not None:
        # What the other has not seen yet must be written to its cache on return:
        # staying away puts that off, it saves nothing.
        rate = rates(other.prices, prompt)
        unseen = prompt - warm_tokens(session, other, prompt=prompt, now=now)
        cost += (rate.cache_write - rate.cache_read) * unseen
    return cost


def _rates(endpoint: Endpoint, prices: Prices, prompt: int) -> Rates:
    rate = rates(prices, prompt)
    return Rates(
        read=rate.cache_read,
        write=rate.cache_write,
        output=rate.output,
        lifetime=max(endpoint.cache_ttl, 1.0),
    )


def _rounded(value: float, per_e: int) -> float:
    """To a grid of ``per_e`` points for each factor of e: so that solutions recur."""
    return exp(round(log(value) * per_e) / per_e)
