"""What changing models did to prompt caches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from openhands_tiered_router.record.telemetry.digest import Caches
from openhands_tiered_router.tiers import TierSet


type Key = tuple[int | None, int | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipts:
    """Turns by whether the endpoint of the turn before served again."""

    held: int
    switched: int
    unpriced: int
    """Switched turns whose endpoint's prices are not known: not in ``switch_cost``."""
    switch_cost: float
    """USD: what the turn before had sent and the new endpoint did not have cached, at
    its price of writing less that of reading."""
    held_against_cheaper: int
    """Held turns although what they were weighed against was cheaper for this turn."""
    held_gain: float
    """USD: what these were expected to save later, less what they cost more now."""
    warm_predicted: int
    """Tokens of held turns that the comparisons take for cached."""
    warm_read: int
    """Of these turns, the tokens that providers read from their caches."""

    @property
    def honoured(self) -> float | None:
        """Share of the tokens taken for cached that providers did read so."""
        if not self.warm_predicted:
            return None
        return self.warm_read / self.warm_predicted


def receipts(
    caches: Mapping[Key, Caches],
    tier_sets: Mapping[int, TierSet],
    names: Mapping[int, str],
) -> Receipts:
    """From the agent's turns.

    Args:
        caches: By tier set and name of the endpoint, both as keys.
        tier_sets: By key.
        names: By key.
    """
    unpriced, cost = 0, 0.0
    for (tier_set, endpoint), found in caches.items():
        premium = _premium(tier_sets.get(tier_set or 0), names.get(endpoint or 0))
        if premium is None:
            unpriced += found.switched
        else:
            cost += premium * found.again
    whole = Caches(*map(sum, zip(*caches.values(), strict=True)))
    return Receipts(
        held=whole.held,
        switched=whole.switched,
        unpriced=unpriced,
        switch_cost=cost,
        held_against_cheaper=whole.cheaper,
        held_gain=whole.gain / 1e9,
        warm_predicted=whole.predicted,
        warm_read=whole.read,
    )


def _premium(tiers: TierSet | None, key: str | None) -> float | None:
    """USD a token for what must be written again, instead of being read."""
    endpoints = tiers.endpoints if tiers else ()
    prices = next((e.prices for e in endpoints if e.key == key), None)
    return None if prices is None else prices.cache_write - prices.cache_read
