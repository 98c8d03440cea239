"""What each conversation's turns come to, and what one model would have paid for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from openhands_tiered_router.record.telemetry.digest import (
    Caching,
    Cell,
    Digest,
    Turns,
    added,
)
from openhands_tiered_router.tiers import Endpoint, LongContextPrices, Prices, Tier


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Which decisions a report is about."""

    since: float = 0.0
    """Seconds since the epoch, included."""
    until: float = float("inf")
    """Seconds since the epoch, not included."""
    conversation: int | None = None
    """Key of the only conversation; ``None``: all."""

    def values(self) -> tuple[float, float, int | None]:
        return self.since, self.until, self.conversation


class Tokens(NamedTuple):
    """Tokens of turns, had one endpoint served them all."""

    warm: int
    prompt: int
    output: int

    def cost(self, rate: Prices | LongContextPrices) -> float:
        """USD; see ``economics.costs.call_cost``, whose sum over turns it is."""
        cold = self.prompt - self.warm
        return (
            rate.cache_read * self.warm
            + rate.cache_write * cold
            + rate.output * self.output
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationSums:
    """The priced agent's turns of a conversation under one tier set."""

    conversation: int
    tier_set: int | None
    turns: int
    cost: float
    """USD, as charged."""
    score: float | None
    """Mean complexity of its tasks, 0 to 1."""
    served: tuple[int, ...]
    """Turns by the tier that served."""
    judged: int
    """Turns of which it is known whether they were hard."""
    hard: int
    leaked: int
    """Hard turns served below what they were weighed against."""
    tokens: Mapping[Caching, tuple[Tokens, Tokens]]
    """Of prompts up to ``above``, and of longer ones."""

    def single(self, endpoint: Endpoint) -> float | None:
        """USD, had that endpoint served all; ``None``: its price is not known."""
        prices = endpoint.prices
        found = self.tokens.get(Caching.of(endpoint))
        if prices is None or found is None:
            return None
        usual, long = found
        dear = prices.long_context
        return usual.cost(prices) + (long.cost(dear) if dear else 0.0)


def conversation_sums(
    digest: Digest, kinds: Mapping[int, tuple[Caching, ...]]
) -> Iterator[ConversationSums]:
    """By tier set; turns without a price are left out.

    Args:
        digest: Of the conversation.
        kinds: By key of the tier set: ``cachings`` of it.
    """
    cells: dict[int | None, list[Cell]] = {}
    for cell in digest.cells:
        if cell.turns.turns:
            cells.setdefault(cell.key.tier_set, []).append(cell)
    for tier_set, mine in cells.items():
        yield _sums(digest.conversation, tier_set, mine, kinds.get(tier_set or 0, ()))


def base_tier(stronger: Sequence[int]) -> Tier | None:
    """The stronger side of most choices that were weighed, the stronger of two such
    tiers; ``None``: nothing was weighed."""
    most = max(Tier, key=lambda t: (stronger[t], t))
    return most if stronger[most] else None


def _sums(
    conversation: int,
    tier_set: int | None,
    cells: list[Cell],
    kinds: tuple[Caching, ...],
) -> ConversationSums:
    turns = Turns(*added(c.turns for c in cells))
    tokens = [*added(c.tokens for c in cells if c.tokens)]
    served = [0] * len(Tier)
    for cell in cells:
        if cell.key.tier is not None:
            served[cell.key.tier] += cell.turns.turns
    # Not strict: of a tier set that came up between two questions to the file, one has
    # none. It is left out then.
    tokens_of = zip(kinds, range(0, len(tokens), 6), strict=False)
    return ConversationSums(
        conversation=conversation,
        tier_set=tier_set,
        turns=turns.turns,
        cost=turns.cost,
        score=turns.score / turns.scored / 1e6 if turns.scored else None,
        served=tuple(served),
        judged=turns.judged,
        hard=turns.hard,
        leaked=turns.leaked,
        tokens={
            kind: (Tokens(*tokens[i : i + 3]), Tokens(*tokens[i + 3 : i + 6]))
            for kind, i in tokens_of
        },
    )
