"""What a sequence of endpoints costs on a recorded session, and the least possible."""

from __future__ import annotations

from collections.abc import Sequence

from openhands_tiered_router.policy.caches import WarmPrefix, used
from openhands_tiered_router.policy.economics.costs import call_cost
from openhands_tiered_router.record.replay.run import ReplayedTurn
from openhands_tiered_router.tiers import Endpoint, Prices


class UnknownPriceError(ValueError):
    """An endpoint without prices; says how to give them."""


def prices_of(endpoint: Endpoint) -> Prices:
    """The endpoint's prices.

    Raises:
        UnknownPriceError: They are not known.
    """
    if endpoint.prices is None:
        raise UnknownPriceError(
            f"{endpoint.key}: no price is known for {endpoint.model!r}; give "
            "input_cost_per_token and output_cost_per_token in the configuration"
        )
    return endpoint.prices


def session_cost(
    turns: Sequence[ReplayedTurn], served: Sequence[Endpoint]
) -> list[float]:
    """USD of each turn, if those endpoints served them.

    An endpoint's cache holds the prompt of its own last call for the lifetime that was
    bought, from the start of that call; the rest of a prompt is written to it. What
    ``served`` says of a lifetime longer than the endpoint's shortest is taken as bought
    for that turn's writes alone; see ``policy.caches``.
    """
    shortest: dict[str, float] = {}
    for endpoint in served:
        known = shortest.get(endpoint.cache_id, endpoint.cache_ttl)
        shortest[endpoint.cache_id] = min(known, endpoint.cache_ttl)
    held: dict[str, WarmPrefix] = {}
    costs: list[float] = []
    for turn, endpoint in zip(turns, served, strict=True):
        usage, short = turn.turn.usage, shortest[endpoint.cache_id]
        before = held.get(endpoint.cache_id)
        costs.append(
            call_cost(
                prices_of(endpoint),
                prompt=usage.prompt,
                warm=before.alive(turn.start, short) if before else 0,
                output=usage.completion,
            )
        )
        held[endpoint.cache_id] = used(
            before,
            tokens=usage.prompt,
            at=turn.start,
            ttl=endpoint.cache_ttl,
            short=short,
        )
    return costs


def optimum(turns: Sequence[ReplayedTurn], strong: Endpoint, weak: Endpoint) -> float:
    """Least cost, USD, with all hard turns on ``strong`` and the future known.

    Exact dynamic programme over who serves and when the other last did; quadratic in
    the number of turns.
    """
    if not turns:
        return 0.0
    both = (strong, weak)

    def cost(m: int, last: int, k: int) -> float:
        ttl = both[m].cache_ttl
        fresh = last >= 0 and turns[k].start - turns[last].start <= ttl
        return call_cost(
            prices_of(both[m]),
            prompt=turns[k].turn.usage.prompt,
            warm=turns[last].turn.usage.prompt if fresh else 0,
            output=turns[k].turn.usage.completion,
        )

    least = {(m, -1): cost(m, -1, 0) for m in (0, 1) if not (m and turns[0].hard)}
    for k in range(1, len(turns)):
        coming: dict[tuple[int, int], float] = {}
        for (m, other_last), spent in least.items():
            for serves in (0,) if turns[k].hard else (0, 1):
                if serves == m:
                    key, total = (m, other_last), spent + cost(m, k - 1, k)
                else:
                    key, total = (serves, k - 1), spent + cost(serves, other_last, k)
                if total < coming.get(key, float("inf")):
                    coming[key] = total
        least = coming
    return min(least.values())
